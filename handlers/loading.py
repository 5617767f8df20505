"""How a handler gets the module, or the script, that its request's URL names.

The interpreter that runs handlers says how (interpreters/application.py); imports point the
other way.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType, ModuleType
    from typing import Any, NoReturn

    from .request import Request


def _nowhere(req: Request, *rest: object) -> NoReturn:
    raise RuntimeError(f"{req.filename}: modules are loaded in Apache's interpreters only")


#: The module that the file of a request names, by the options rootpkg, pythonpath and autoreload,
#: loaded or loaded again as a handler's would be.  Raises what its code raises; for a module that
#: does not exist an error that answers 404, if it is left to pass.
load_module: Callable[[Request], ModuleType] = _nowhere

#: The code of the script that is the file of a request, compiled anew when the file has changed;
#: modules that it imports are loaded anew when they have.  Raises SyntaxError and the like, and for
#: a file that is no script an error that answers 404, if it is left to pass.
load_script: Callable[[Request], CodeType] = _nowhere

#: The list of what the module that this thread is loading registers, hwebserver's URLs for one:
#: empty when it begins to be loaded; None while none is.  In a process that loads no modules for
#: Apache there is no such function.
registered: Callable[[], list[Any] | None] | None = None

#: Called with a handler's module that has been loaded, and what it and the modules that it imports
#: have registered, its own last.
adopt: Callable[[ModuleType, Sequence[Any]], object] = _nowhere

#: Log an exception that a handler answers itself, with its traceback, as one that is left to pass.
log_failure: Callable[[Request, BaseException], object] = _nowhere
