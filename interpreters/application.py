"""The application of one interpreter: what the entry script gives to mod_wsgi."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

from ..handlers import loading, stdout
from . import direct
from .dispatch import Dispatcher, log_failure
from .link import ENV_LINK, environ_path
from .modules import Modules
from .published import PublishedModules
from .search import Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

    from .authentication import Authenticator
    from .served import ServedRequest


def _refuse_fork() -> NoReturn:
    """os.fork in a sub-interpreter.  With its own GIL Python refuses; without, the child would die
    of a fatal error while the parent waits for it."""
    raise RuntimeError("fork not supported for sub-interpreters")


class Application:
    """The WSGI application of one interpreter: what the entry script gives to mod_wsgi.

    interpreter: its name, "" for the main one.
    """

    def __init__(self, interpreter: str) -> None:
        if interpreter:
            os.fork = os.forkpty = _refuse_fork
        modules = Modules()
        modules.install()
        search = Search(sys.path)
        self._modules, self._search = modules, search
        sys.stdout = stdout.Stdout(sys.stdout)
        self._dispatcher = Dispatcher(modules, search)
        self._authenticator: Authenticator | None = None
        published = PublishedModules(modules, search)
        loading.load_module = published.load  # type: ignore[assignment]
        loading.load_script = published.load_script  # type: ignore[assignment]
        loading.registered = modules.registered
        loading.log_failure = log_failure  # type: ignore[assignment]
        self._lock = allocate_lock()
        self._is_direct: bool | None = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        link = environ.get(ENV_LINK)
        if link and self._goes_direct(environ_path(link)):
            start_response("200 OK", [])
            return ()
        from .wsgi import WSGIRequest  # only the interpreters that go this way pay for it

        request = WSGIRequest(environ, start_response)
        self._dispatcher.answer(request)
        response = request.response()
        request.end()
        return response

    def _decide(self, request: ServedRequest, name: str) -> int:
        """As Authenticator.decide()."""
        if self._authenticator is None:
            from .authentication import Authenticator  # as above

            self._authenticator = Authenticator(self._modules, self._search)
        return self._authenticator.decide(request, name)

    def _goes_direct(self, link: str) -> bool:
        """Whether the link takes this request and all others itself; asked once."""
        with self._lock:
            if self._is_direct is None:
                try:
                    direct.register(link, self._dispatcher.answer, self._decide)
                except (ImportError, RuntimeError) as error:
                    sys.stderr.write(f"{link}: {error}; requests go through mod_wsgi\n")
                    self._is_direct = False
                else:
                    self._is_direct = True
            return self._is_direct
