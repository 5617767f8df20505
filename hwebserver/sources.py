"""The Python sources that a process stands on."""

from __future__ import annotations

import sys
import sysconfig

#: Python's own modules, and those of packages that are installed.
_LIBRARIES = tuple(
    sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def loaded() -> set[str]:
    """Files of the modules that are loaded, that of ``__main__`` among them; without libraries."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {
        file
        for file in files
        if isinstance(file, str) and file.endswith(".py") and not file.startswith(_LIBRARIES)
    }


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
