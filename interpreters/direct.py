"""The direct way into Python: the link calls dispatch with a request of its own.

The first request of an interpreter comes through mod_wsgi and registers the dispatch here; see
apache/direct.c.
"""

from __future__ import annotations

import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec
from io import BufferedWriter

from ..handlers import stdout
from ..handlers.base import RequestHandler
from ..handlers.constants import REQ_PROCEED
from ..handlers.content import text_type
from ..handlers.errors import ClientGoneError
from ..handlers.pblock import Pblock
from .derived import Derived, read_error
from .dispatch import complete, fail
from .settings import parse
from .stderr import ErrorStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from .served import ServedRequest


def register(
    path: str,
    answer: Callable[[ServedRequest], None],
    authenticate: Callable[[ServedRequest, str], int],
) -> None:
    """Have the link at *path* call *answer* for each further request of this interpreter, and
    *authenticate* for those that its AuthHandlers decide about."""
    link = _module(path)
    errors = sys.stderr = ErrorStream(sys.stderr, link.current)

    class Request(Derived, link.Request):  # type: ignore[name-defined, misc]
        """A request that Apache gave to Python directly."""

        __slots__ = ()

        def writer(self, begin: Callable[[], str]) -> stdout.File:
            return Writer(self, begin)

    class Writer(link.Writer, stdout.File):  # type: ignore[name-defined, misc]
        """handlers/stdout.py's in C."""

    class Headers(link.Headers, Pblock):  # type: ignore[name-defined, misc]
        """handlers/headers.py in C."""

        __slots__ = ()

    before = getattr(sys.stdout, "server", sys.stdout)
    # a script that calls hwebserver.run() has a file; mod_wsgi's stream is for its log
    has_file = isinstance(getattr(before, "buffer", None), BufferedWriter)
    sys.stdout = link.Stdout(before if has_file else errors, stdout.current, Writer)
    link.register(
        dispatch=answer,
        complete=complete,
        fail=fail,
        authenticate=authenticate,
        proceed=REQ_PROCEED,
        output=stdout.current,
        partial_lines=errors.partial,
        end_line=errors.finish,
        request=Request,
        settings=parse,
        headers=Headers,
        handler=RequestHandler,
        text_type=text_type,
        read_error=read_error,
        write_error=ClientGoneError,
    )


def _module(path: str) -> ModuleType:
    name = f"{__package__}._link"
    loader = ExtensionFileLoader(name, path)
    module = module_from_spec(ModuleSpec(name, loader, origin=path))
    loader.exec_module(module)
    return module
