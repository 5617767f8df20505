"""The Python sources that a process stands on."""

from __future__ import annotations

import sys


def loaded() -> set[str]:
    """Files of all modules that are loaded, that of ``__main__`` among them."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {file for file in files if isinstance(file, str) and file.endswith(".py")}


def of_failure(error: BaseException) -> set[str]:
    """Files that *error* has gone through, or was found in."""
    found = set()
    while error is not None:
        if isinstance(error, SyntaxError) and error.filename:
            found.add(error.filename)
        trace = error.__traceback__
        while trace is not None:
            found.add(trace.tb_frame.f_code.co_filename)
            trace = trace.tb_next
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return {file for file in found if not file.startswith("<")}
