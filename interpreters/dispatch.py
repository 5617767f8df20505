"""From a request to its RequestHandler and back: the one place where exceptions become statuses."""

from __future__ import annotations

from _functools import partial  # type: ignore[import-not-found]  # functools takes longer

from ..handlers import stdout
from ..handlers.constants import REQ_PROCEED
from ..handlers.errors import ClientGoneError, RequestError
from ..handlers.exits import PROG_TRACEBACK, SERVER_RETURN, excerpt, result_name
from . import forks
from .secrets import hide_credentials
from .urls import NoModuleError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    from .modules import Modules
    from .search import Search
    from .served import ServedRequest


class MissingHandlerError(LookupError):
    """The module has no RequestHandler."""


def answer(run: Callable[[ServedRequest], object], request: ServedRequest) -> None:
    """Leave in *request* the answer of its handler, which *run* runs and gives the result of."""
    try:
        complete(request, run(request))
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a script, too, ends here
        fail(request, error)
    if stdout.is_used and stdout.current.get() is not None:
        stdout.current.set(None)


def complete(request: ServedRequest, result: object) -> None:
    """Leave in *request* the answer of its handler, which has returned *result*."""
    if forks.is_child:
        forks.end(None)
    if result is not REQ_PROCEED or request.lacks_document:
        conclude(request, result)
    request.begin()


def fail(request: ServedRequest, error: BaseException) -> None:
    """Leave in *request* the answer to *error*, which ended its handler."""
    if forks.is_child:
        forks.end(error)
    answer_error(request, error)
    request.begin()


async def answer_async(request: ServedRequest, result: Awaitable[object]) -> None:
    """As answer(), of a handler on an event loop: *result* is what it is going to return."""
    try:
        found = await result
        if found is not REQ_PROCEED or request.lacks_document:
            conclude(request, found)
        request.begin()
    except Exception as error:  # noqa: BLE001 - as above; whoever cancels the task ends it
        answer_error(request, error)
        request.begin()
    except (SERVER_RETURN, SystemExit) as error:
        answer_error(request, error)
        request.begin()


class Dispatcher:
    """Runs the requests of one interpreter.

    apache/settled.c is a shorter way for requests whose code is settled.
    """

    def __init__(self, modules: Modules, search: Search) -> None:
        self._modules = modules
        self._search = search
        #: runs a request's handler and leaves its answer in the request
        self.answer: Callable[[ServedRequest], None] = partial(answer, self._run)

    def _run(self, request: ServedRequest) -> object:
        module = self._module(request)
        try:
            start = module.RequestHandler.for_request
        except AttributeError:
            raise MissingHandlerError(_missing(module)) from None
        return start(request).Handle()

    def _module(self, request: ServedRequest) -> ModuleType:
        settings, filename, stamp, looked = request.place
        search = self._search
        source = search.source(filename, settings)
        search.prepare(settings)
        modules = self._modules
        version = modules.version
        if settings.autoreload:
            seen = stamp if source.path == filename else ""
            module = modules.current(source, seen, looked)
            if module is not None:
                files = modules.watch_list(source, looked)
                if files:
                    request.watch(files)
                elif seen:
                    request.settle(modules, version, module)
        else:
            module = modules.loaded(source)
            if module is not None:
                request.settle(modules, version, module)
        if module is not None:
            return module
        search.prepare_to_load(source, settings)
        try:
            return modules.load(source, settings.directory)
        except NoModuleError as error:
            search.forget(filename, settings)  # name.py may have become name/__init__.py
            found = search.source(filename, settings)
            if found == source:
                if settings.handler:  # no client has made it up
                    request.log(f"PythonOption handler {settings.handler}: {error}")
                raise
            return modules.load(found, settings.directory)


def _missing(module: ModuleType) -> str:
    if hasattr(module, "RequestHandler"):
        return f"RequestHandler in {module.__file__} is no subclass of httpdapi.RequestHandler"
    return f"{module.__file__} defines no class RequestHandler"


def conclude(request: ServedRequest, result: object, what: str = "Handle() returned") -> None:
    """Act on the result of a handler (reference 2.5); *what*: how it was given, for the log."""
    name = result_name(result)
    if name == "REQ_PROCEED":
        if request.lacks_document:
            request.apache_document(request.status, "the handler set the status and sent nothing")
    elif name == "REQ_ABORTED":
        status = request.status if request.status >= 300 else 500
        _give_up(request, status, f"{request.filename}: {what} REQ_ABORTED")
    else:
        said = name or excerpt(result)
        message = f"{request.filename}: {what} {said}, which is no answer to a request"
        request.log(message)
        _give_up(request, 500, message)


def answer_error(request: ServedRequest, error: BaseException) -> None:
    """Make *error*, which ended the request's handler, the answer."""
    if isinstance(error, NoModuleError):
        request.apache_document(404, str(error))
    elif isinstance(error, RequestError):
        request.log(f"{request.filename}: {error.status}: {error}")
        _give_up(request, error.status, str(error))
    elif isinstance(error, ClientGoneError):
        if not request.started:
            request.apache_document(400, str(error))
    elif isinstance(error, SERVER_RETURN):
        _leave(request, error)
    elif isinstance(error, PROG_TRACEBACK):
        _fail(request, error.error())
    else:
        _fail(request, error)


def _leave(request: ServedRequest, error: SERVER_RETURN) -> None:
    """Act on a SERVER_RETURN (reference 2.6)."""
    try:
        result, status = error.outcome()
        if status:
            request.status = status
    except (TypeError, ValueError) as fault:
        message = f"{request.filename}: {fault}"
        request.log(message)
        _give_up(request, 500, message)
    else:
        conclude(request, result, "SERVER_RETURN has the result")


def _give_up(request: ServedRequest, status: int, reason: str) -> None:
    if request.started:
        request.cut_short(status, reason)
    else:
        request.apache_document(status, reason)


def log_failure(request: ServedRequest, error: BaseException) -> str:
    """Log the traceback of *error*, and give its text."""
    from . import failures

    text = failures.describe(error, request.filename, request.directory)
    text = hide_credentials(text, request.headers_in)
    request.log(text)
    return text


def _fail(request: ServedRequest, error: BaseException) -> None:
    """Log the traceback; show it if the directory says so."""
    from contextlib import suppress

    from . import failures

    text = log_failure(request, error)
    headers = request.headers_in
    settings = request.settings
    if not request.started:
        request.headers_out.clear()
    if not settings.debug:
        _give_up(request, 500, type(error).__name__)
        return
    html = failures.accepts_html(headers.get("Accept", ""))
    shown = failures.page(error, request.filename, settings) if html else text
    shown = hide_credentials(shown, headers)
    body = shown.encode("utf-8", "backslashreplace")
    if request.started:  # the page goes on with its error
        with suppress(ClientGoneError):
            request.write(body)
        return
    request.status = 500
    kind = "text/html" if html else "text/plain"
    request.headers_out["Content-Type"] = f"{kind}; charset=utf-8"
    request.finish(body)
