"""A module's objects as ZPublisher publishes them (Zope 6).

ZPublisher opens an application for each request, calls what the path leads to, and closes the
application.  Here that is a Root around the module.  Importing this imports ZPublisher.
"""

from __future__ import annotations

from html import escape, unescape
from typing import TYPE_CHECKING, Any

from zExceptions import BadRequest, HTTPException, MethodNotAllowed
from zope.event import notify
from zope.globalrequest import getRequest
from zope.interface import implementer
from zope.publisher.interfaces.browser import IBrowserPublisher
from ZPublisher import WSGIPublisher, zpublish_mark
from ZPublisher.BaseRequest import quote
from ZPublisher.HTTPRequest import WSGIRequest
from ZPublisher.HTTPResponse import WSGIResponse
from ZPublisher.interfaces import UseTraversalDefault
from ZPublisher.pubevents import PubBeforeStreaming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    Write = Callable[[bytes], object]
    StartResponse = Callable[[str, list[tuple[str, str]]], Write]

#: Methods that published objects take, if @zpublish(methods=...) names no others.
METHODS = ("GET", "HEAD", "POST")
#: Requests with more are refused: ZPublisher's parser of cookies calls itself for each, or for each
#: comma.  Browsers keep 180 for a site, or fewer.
MAX_COOKIES = 500


@implementer(IBrowserPublisher)
class Root:
    """The module as the object where paths begin.

    By URL its own objects are reached, and none that it has imported; whatever else ZPublisher
    looks for (__allow_groups__, name__roles__ ...) are the module's attributes.
    """

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def publishTraverse(self, request: Request, name: str) -> Any:
        """The object of a path's first part.  Raises KeyError if there is none, Forbidden if it
        has neither docstring nor mark."""
        if name.startswith("_"):
            raise KeyError(name)
        found = self._traversed(request, name)
        if found is UseTraversalDefault:
            found = getattr(self._module, name, None)
            if not is_own(found, self._module.__name__):
                raise KeyError(name)
        request.ensure_publishable(found)
        return found

    def _traversed(self, request: Request, name: str) -> Any:
        traverse = getattr(self._module, "__bobo_traverse__", None)
        if traverse is None:
            return UseTraversalDefault
        try:
            return traverse(request, name)
        except UseTraversalDefault:
            return UseTraversalDefault

    def browserDefault(self, request: Request) -> tuple[Root, tuple[str, ...]]:
        """What answers for the module itself."""
        return self, ("index_html",)


def is_own(value: object, module: str) -> bool:
    """Whether *value* is a function, or an instance of a class, that *module* defines; or, where
    that is a package, a module in it."""
    defined_in = getattr(value, "__module__", None)
    return (
        isinstance(defined_in, str)
        and f"{defined_in}.".startswith(f"{module}.")
        and not isinstance(value, type)
    )


class Opened:
    """What ZPublisher opens for a request; it closes ``_p_jar``."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._p_jar = self

    def close(self) -> None:
        """Close the database connection that a root object may come with."""
        connection = getattr(self.root, "_p_jar", None)
        if connection is not None:
            connection.close()


def root_of(module: ModuleType) -> Any:
    """Where paths begin: the module's bobo_application, or what that gives when it is called, or
    the module itself."""
    application = getattr(module, "bobo_application", None)
    if application is not None:
        return application() if callable(application) else application
    # the roles that a name's object is for are looked for in the class of what the name is in
    roles = {name: value for name, value in vars(module).items() if name.endswith("__roles__")}
    return type("Root", (Root,), roles)(module) if roles else Root(module)


class Client:
    """The client as a response's stdout."""

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self.write: Write

    def start(self, status: str, headers: list[tuple[str, str]]) -> None:
        """Begin the answer, once; then write() sends."""
        self.write = self._start_response(status, headers)

    def getvalue(self) -> bytes:
        """What has been written and not been sent: nothing."""
        return b""


class Response(WSGIResponse):  # type: ignore[misc]
    """A response that tells HTML by its look, and sends at once what is written to it."""

    has_begun = False

    def setBody(
        self, body: Any, title: str = "", is_error: bool = False, lock: object = None
    ) -> None:
        """As WSGIResponse's; without a Content-Type text that looks like HTML is HTML."""
        if "content-type" not in self.headers and looks_like_html(body):
            self.setHeader("content-type", "text/html")
        super().setBody(body, title, is_error, lock)

    def write(self, data: bytes) -> None:
        """Send *data*, the first time after status and headers."""
        if not self.has_begun:
            notify(PubBeforeStreaming(self))
            self.has_begun = True
            self._streaming = 1  # or finalize() gives it a length
            if "content-type" not in self.headers:
                kind = "text/html" if looks_like_html(data) else "text/plain"
                self.setHeader("content-type", kind)
            self.stdout.start(*self.finalize())
        self.stdout.write(data)


def looks_like_html(text: object) -> bool:
    """Whether *text*, a str or bytes, begins with a tag and has an end tag, or begins as an HTML
    document does.

    Tags further on make nothing HTML: they may be what a visitor has typed.
    """
    if isinstance(text, str):
        data = text[:1024].lstrip().encode("utf-8", "replace")
        has_end = "</" in text
    elif isinstance(text, bytes):
        data, has_end = text[:1024].lstrip(), b"</" in text
    else:
        return False
    begin = data[:14].lower()
    return begin == b"<!doctype html" or (begin[:1] == b"<" and begin[1:2].isalpha() and has_end)


class UserName(str):
    """A user whom a dict of __allow_groups__ names, "" for anybody: a str as in 1999, with what
    ZPublisher of today asks of users."""

    __slots__ = ()

    def getUserName(self) -> str:
        """The name that goes on as REMOTE_USER, if it is not this one for anybody."""
        return str(self) or "Anonymous User"

    def getId(self) -> str:
        """The name as transactions note it."""
        return str(self)

    @property
    def __parent__(self) -> UserName:
        """The folder of the user: there is none."""
        return self

    def getPhysicalPath(self) -> tuple[str, ...]:
        """Where that is."""
        return ()


class ClientRequest(WSGIRequest):  # type: ignore[misc]
    """A request; where it cannot be read that is the client's fault, 400."""

    def __init__(
        self, stdin: object, environ: dict[str, Any], response: Any, clean: int = 0
    ) -> None:
        cookies = environ.get("HTTP_COOKIE", "")
        if cookies.count(";") + cookies.count(",") > MAX_COOKIES:
            raise BadRequest(f"more than {MAX_COOKIES} cookies")
        try:
            super().__init__(stdin, environ, response, clean)
        except ValueError as error:
            raise bad_request(error) from error
        # WSGIRequest quotes what follows SCRIPT_NAME only
        self["URL"] = self.script = self["SERVER_URL"] + quote(self.environ["SCRIPT_NAME"])

    def processInputs(self) -> None:
        """Read the form.  Raises BadRequest for what cannot be read or converted."""
        try:
            super().processInputs()
        except (HTTPException, OSError, MemoryError):
            raise
        except Exception as error:
            raise bad_request(error) from error


class Request(ClientRequest):
    """A request for an object of a module."""

    #: The module, and whether "not found" says why.
    _httpdapy: tuple[ModuleType, bool]

    def traverseName(self, ob: Any, name: str) -> Any:
        """The object *name* of *ob*; of the module without the views that a Zope site in this
        process has for all objects."""
        if isinstance(ob, Root):
            return ob.publishTraverse(self, name)
        return super().traverseName(ob, name)

    def traverse(
        self,
        path: str,
        response: Response | None = None,
        validated_hook: Callable[[Request, Any], object] | None = None,
    ) -> Any:
        """The object of a path.  Raises MethodNotAllowed unless it takes the request's method."""

        def validated(request: Request, user: Any) -> None:
            if validated_hook is not None:
                validated_hook(request, UserName(user) if isinstance(user, str) else user)

        found = super().traverse(path, response, validated)
        user = self.other.setdefault("AUTHENTICATED_USER", None)  # that of a form is nobody
        if isinstance(user, str):
            self["AUTHENTICATED_USER"] = UserName(user)
        marked = zpublish_mark(found)
        allowed = marked if isinstance(marked, tuple) else METHODS
        method = self.environ["REQUEST_METHOD"]
        if method not in allowed:
            error = MethodNotAllowed(f"{method} is not allowed here")
            error.setHeader("Allow", ", ".join(allowed))
            raise error
        return found

    def supports_retry(self) -> bool:
        """Whether the request can run again after a conflict."""
        return super().supports_retry() and not self.response.has_begun

    def retry(self) -> Request:
        """The same request, to run again."""
        again: Request = super().retry()
        again._httpdapy = self._httpdapy
        return again


def bad_request(error: Exception) -> HTTPException:
    """The answer for a request that ZPublisher fails to read with *error*."""
    # some messages come escaped, some do not
    reason = f"{type(error).__name__}: {unescape(str(error))}"
    bad = BadRequest(reason)
    bad.title = "Invalid request"
    bad.detail = as_html(reason)
    return bad


def as_html(text: str) -> str:
    """*text* as HTML, also where it is no Unicode, which values of forms need not be."""
    return escape(text.encode("utf-8", "backslashreplace").decode())


def publish(
    module: ModuleType,
    realm: str,
    debug: bool,
    environ: dict[str, Any],
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Publish the object of *module* that PATH_INFO leads to, as a WSGI application does.

    realm: for HTTP authentication.  debug: whether "not found" says why.
    wsgi.input has to be seekable.  Raises HTTPException for an answer that is an error, and what
    the published object raises.
    """
    if environ["REQUEST_METHOD"] == "HEAD":  # finds and does what GET does
        environ["REQUEST_METHOD"] = "GET"

    def response(stdout: object, stderr: object) -> Response:
        made = Response(stdout=Client(start_response), stderr=stderr)
        made.realm = realm
        return made

    def request(body: object, environ: dict[str, Any], response: Response) -> Request:
        made = Request(body, environ, response)
        made._httpdapy = module, debug
        return made

    answer: Iterable[bytes] = WSGIPublisher.publish_module(
        environ,
        start_response,
        _publish=_publish,
        _response_factory=response,
        _request_factory=request,
        _module_name=__name__,
    )
    return answer


def _open() -> Opened:
    module, _ = getRequest()._httpdapy
    return Opened(root_of(module))


def _publish(request: Request, info: tuple[Opened, None, None]) -> Response:
    _, debug = request._httpdapy
    response: Response = WSGIPublisher.publish(request, (info[0].root, None, debug))
    return response


# What ZPublisher calls to open an application, its realm and debug mode, by _module_name.
WSGIPublisher._MODULES[__name__] = (_open, None, None)
