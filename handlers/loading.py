"""How a handler gets the module that its request's URL names.

The interpreter that runs handlers says how (interpreters/wsgi.py); imports point the other way.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from .request import Request


def _nowhere(req: Request) -> ModuleType:
    raise RuntimeError(f"{req.filename}: modules are loaded in Apache's interpreters only")


#: The module that the file of a request names, by the options rootpkg, pythonpath and autoreload,
#: loaded or loaded again as a handler's would be.  Raises what its code raises; for a module that
#: does not exist an error that answers 404, if it is left to pass.
load_module: Callable[[Request], ModuleType] = _nowhere
