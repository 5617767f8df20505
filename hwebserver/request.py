"""Request: what a handler is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, quote, urljoin

from ..handlers.errors import RequestError
from . import running
from .errors import OperationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..handlers.request import Request as ApacheRequest
    from .response import Response
    from .uploads import Form, UploadedFile

#: Default of run()'s max_request_size, and of the PythonOption behind it: bytes.
MAX_REQUEST_SIZE = 3 * 1024**3
#: Default of run()'s max_in_memory_file_upload_size, and of the PythonOption behind it: bytes.
MAX_IN_MEMORY_FILE_UPLOAD_SIZE = 2621440
#: Forms of more fields are refused: each costs some hundred bytes for the client's two.
MAX_FIELDS = 10_000
#: Forms whose fields, files left out, are larger are refused: bytes.
MAX_FIELDS_SIZE = 64 * 1024**2


class Headers(dict[str, str]):
    """Headers by their canonical names, ``Content-Type``; a name may be given in any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.title())

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name.title(), value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name.title())

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a header, or *default*."""
        return super().get(name.title(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.title())


class Request:
    """A request, as hwebserver's handlers see it: everything is a method.

    It serves until the handler has returned.  What gives a dict makes a new one each time.
    """

    #: Where send() leaves a Response for the thread that runs the request; None: it is that thread.
    outbox: Callable[[Response], None] | None = None
    #: Whether send() was called.
    is_answered = False
    #: Whether the handler runs on the event loop: what it sends goes out while it does.
    _is_on_loop = False

    _body: bytes | None = None
    _form: Form | None = None
    _has_let_go = False  # of the body

    def __init__(self, req: ApacheRequest) -> None:
        #: what RequestHandlers have
        self.req = req

    # -- the request line ------------------------------------------------------------------------

    def method(self) -> str:
        """``GET``, ``POST`` ..."""
        return self.req.method

    def path(self) -> str:
        """The path as the client sent it, %xx and all, without the query."""
        return self.req.unparsed_uri.partition("?")[0]

    def queryString(self) -> str:
        """The query without the ``?``, still encoded; "" when there is none."""
        return self.req.args

    def pathWithQueryString(self) -> str:
        """Path and query as the client sent them."""
        return self.req.unparsed_uri

    def protocol(self) -> str:
        """``HTTP/1.1`` ..."""
        return self.req.protocol

    def scheme(self) -> str:
        """``http`` or ``https``."""
        return self.req.scheme

    def isSecure(self) -> bool:
        """Whether it came by https."""
        return self.req.scheme == "https"

    def host(self) -> str:
        """The header Host, with the port if it has one; "" without the header.

        With the setting USE_X_FORWARDED_HOST it is X-Forwarded-Host, if there is one.
        """
        host: str = self.req.headers_in.get("Host", "")
        return host

    def absoluteURI(self, location: str | None = None) -> str:
        """The URI of this request, or of *location*, which may be relative to it.

        A request without Host has the address at which it came in.
        """
        req = self.req
        host = self.host()
        if not host:
            address = req.local_addr
            host = f"[{address}]" if ":" in address else address
            host = f"{host}:{req.local_port}"
        uri = f"{req.scheme}://{host}{req.unparsed_uri}"
        if location is None:
            return uri
        return urljoin(uri, quote(location, safe="%/:=&?~#+!$,;'@()*[]"))

    # -- where it comes from, and where it came in -----------------------------------------------

    def port(self) -> int:
        """The TCP port at which it came in."""
        return self.req.local_port

    def portName(self) -> str:
        """The name of that port: ``main``, or one of run()'s *ports*."""
        return self.req.options.get("hwebserver_port", "main")

    def clientAddress(self) -> tuple[str, int]:
        """IP address and TCP port of the client."""
        return self.req.remote_addr, self.req.remote_port

    def serverAddress(self) -> tuple[str, int]:
        """IP address and TCP port at which it came in."""
        return self.req.local_addr, self.req.local_port

    # -- headers ---------------------------------------------------------------------------------

    def headers(self) -> dict[str, str]:
        """The headers, by names as ``Content-Type``, which may be given in any case.

        The values of a repeated header are joined by ", ".
        """
        return Headers(self.req.headers_in)

    def cookies(self) -> dict[str, str]:
        """The cookies by name; of several of one name the first, whose path is the longest."""
        found: dict[str, str] = {}
        for pair in self.req.headers_in.get("Cookie", "").split(";"):
            name, equals, value = pair.partition("=")
            if equals:
                found.setdefault(name.strip(), _unquoted(value.strip()))
        return found

    def contentType(self) -> str:
        """The header Content-Type; "" without it."""
        value: str = self.req.headers_in.get("Content-Type", "")
        return value

    def contentLength(self) -> str:
        """The header Content-Length; "" without it, as in a chunked request."""
        value: str = self.req.headers_in.get("Content-Length", "")
        return value

    # -- what it carries -------------------------------------------------------------------------

    def GET(self) -> dict[str, str]:
        """The variables of the query; of several of one name the last."""
        return _fields(self.req.args)

    def POST(self) -> dict[str, str]:
        """The variables of a form in the body, files left out; of several of one name the last.

        Raises RequestError (400, 413) for a form that cannot be read.
        """
        return dict(self._parsed().fields)

    def files(self) -> dict[str, UploadedFile]:
        """The files of a form in the body, by the names of its variables.

        They last until the answer is sent.  Raises RequestError as POST().
        """
        return dict(self._parsed().files)

    def body(self) -> bytes:
        """The body, undecoded.

        Raises RequestError (413) for more than max_request_size, and OperationFailed where the
        files of a form have gone to disk: then it was not kept.
        """
        if self._body is None:
            if self._has_let_go:
                raise OperationFailed(
                    "the body was too large to be kept when POST() or files() read it: call "
                    "body() first, or raise max_in_memory_file_upload_size"
                )
            self._body = self._read_all()
        return self._body

    def _read_all(self) -> bytes:
        limit = self.check_length()
        body = self.req.read(limit + 1)
        if len(body) > limit:
            raise _too_large(limit)
        return body

    def _parsed(self) -> Form:
        if self._form is None:
            from .uploads import Form, read_multipart

            media_type = self.contentType().partition(";")[0].strip().lower()
            if media_type == "multipart/form-data":
                in_memory = self._size(
                    "max_in_memory_file_upload_size", MAX_IN_MEMORY_FILE_UPLOAD_SIZE
                )
                self._form, self._body = read_multipart(
                    self, self._body, in_memory, self.check_length()
                )
                self._has_let_go = self._body is None
            else:
                form = Form()
                if media_type == "application/x-www-form-urlencoded":
                    if len(self.body()) > MAX_FIELDS_SIZE:
                        raise _too_large(MAX_FIELDS_SIZE)
                    form.fields = _fields(self.body().decode("latin-1"))
                self._form = form
        return self._form

    def check_length(self) -> int:
        """The most bytes that a body may have.

        Raises RequestError (413) for a request that announces more.
        """
        limit = self._size("max_request_size", MAX_REQUEST_SIZE)
        declared = self.contentLength()
        if declared.isdecimal() and int(declared) > limit:
            raise _too_large(limit)
        return limit

    def _size(self, name: str, default: int) -> int:
        """The PythonOption *name*, bytes.  Raises OperationFailed for what is no number."""
        value = self.req.options.get(f"hwebserver_{name}")
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()):
            raise OperationFailed(f"PythonOption hwebserver_{name} is a number, not {value!r}")
        return int(value)

    # -- the answer ------------------------------------------------------------------------------

    def send(self, response: Response) -> None:
        """Answer with *response*; AsyncURLHandlers do that, and may go on afterwards."""
        from .response import Response

        if not isinstance(response, Response):
            raise TypeError(f"send() takes a Response, not {response!r}")
        self.answer(response)

    def answer(self, response: Response) -> None:
        """As send(), of what is a Response."""
        if self.is_answered:
            raise OperationFailed("the request is answered already")
        self.is_answered = True
        if self.outbox is not None:
            self.outbox(response)
        else:
            response.send(self.req, at_once=self._is_on_loop)

    def sendHeaders(self, response: Response) -> None:
        """Send status and headers of *response*; sendBody() sends what comes after."""
        response.sendHeaders(self)

    def sendBody(self, data: bytes | str) -> None:
        """Send a piece of the body, after sendHeaders()."""
        self.req.write(data.encode() if isinstance(data, str) else data)

    def socketFD(self) -> NoReturn:
        """Raises OperationFailed: the connection is Apache's, which may have it encrypted, or
        several requests on it."""
        raise OperationFailed("the connection is Apache's; send() and sendBody() write to it")

    # -- the server ------------------------------------------------------------------------------

    def isInDebugMode(self) -> bool:
        """Whether tracebacks are shown to clients."""
        return self.req.debug

    def requestServerShutdown(self) -> None:
        """As requestShutdown() of the server that has the request.

        Raises OperationFailed where no script has called run().
        """
        server = getattr(self.req, "server", None) or running.served
        if server is None:
            raise OperationFailed(running.NO_SHUTDOWN)
        running.request_shutdown(server)

    # -- for those who run handlers --------------------------------------------------------------

    def prepare(self) -> None:
        """Read the body, which only the thread that runs the request can."""
        if self.contentType().lower().startswith("multipart/form-data"):
            self._parsed()
        else:
            self.body()

    def close(self) -> None:
        """Remove the temporary files of uploads."""
        if self._form is not None:
            self._form.close()


def _too_large(limit: int) -> RequestError:
    return RequestError(f"the request has more than {limit} bytes", 413)


def _fields(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise RequestError(f"a form of more than {MAX_FIELDS} fields", 413) from error
    return dict(pairs)


def _unquoted(value: str) -> str:
    """A cookie's value, as http.cookies quotes those with odd characters."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return re.sub(r"\\([0-3][0-7][0-7]|.)", _character, value[1:-1])


def _character(match: re.Match[str]) -> str:
    text = match[1]
    return chr(int(text, 8)) if len(text) == 3 else text
