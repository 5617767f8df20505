"""What to do about errors that come from running in a sub-interpreter (reference/extensions), or
from a Python newer than the script."""

from __future__ import annotations

import linecache
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Parts of the messages with which extension modules refuse a sub-interpreter.
_REFUSALS = (
    "does not support loading in subinterpreters",
    "cannot load module more than once per process",
    "do not yet support subinterpreters",
    "can only be loaded into one interpreter per process",
    "Interpreter change detected",
)
#: Modules that Python has no more, and what brings them back.
_REMOVED = {"cgi": "httpdapy[cgi]", "cgitb": "httpdapy[cgi]"}
_RESTRICTIONS = {
    "daemon threads are disabled in this": "daemon threads do not run in a sub-interpreter",
    "fork not supported for": "os.fork does not work in a sub-interpreter",
    "exec not supported for": "os.exec does not work in a sub-interpreter",
    "thread is not supported for isolated": "threads do not run in this sub-interpreter",
}


def advice(error: BaseException, directory: str) -> str | None:
    """A sentence that names the cause and what helps, or None."""
    for cause in _chain(error):
        text = message_of(cause)
        if isinstance(cause, ModuleNotFoundError) and cause.name in _REMOVED:
            return (
                f"module {cause.name} is no part of Python since 3.13. Install it: "
                f"pip install '{_REMOVED[cause.name]}'"
            )
        if any(refusal in text for refusal in _REFUSALS):
            module = _refused_module(cause, text)
            problem = f"module {module} does not load in a sub-interpreter"
        else:
            problem = next((p for part, p in _RESTRICTIONS.items() if part in text), "")
        if problem:
            return (
                f"{problem}. Let this directory run in the main interpreter: put the line "
                f"'PythonInterpreter main_interpreter' into {directory}/.htaccess"
            )
    return None


def message_of(error: BaseException) -> str:
    """str(error), whatever its class makes of that."""
    try:
        return str(error)
    except Exception as another:  # noqa: BLE001 - the script's own code
        return f"<no message, for its __str__ raises {type(another).__name__}>"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, innermost last."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _refused_module(error: BaseException, text: str) -> str:
    """The package whose extension refused: the message names it, or the last package of the library
    on the way to the error, or the import statement that the error comes from."""
    before, found, _ = text.partition(" does not support loading in subinterpreters")
    if found:
        return _package(before.rpartition("module ")[2])
    package = ""
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        name = _package(str(frame.f_globals.get("__name__", "")))
        if "@" in name or name in ("httpdapy", *sys.stdlib_module_names):
            words = linecache.getline(frame.f_code.co_filename, trace.tb_lineno).split()
            if len(words) > 1 and words[0] in ("import", "from"):
                package = _package(words[1].strip(",;"))
        elif name:
            package = name
        trace = trace.tb_next
    return package or "imported above"


def _package(name: str) -> str:
    return name.partition(".")[0]
