"""RequestHandler: what a script in an Apache directory defines (Httpdapy 1.7b, httpdapi.py)."""

from __future__ import annotations

import sys

from . import stdout
from .constants import PROTOCOL_OK, PROTOCOL_REDIRECT, REQ_PROCEED
from .content import pieces, text_type
from .lazy import Lazy, nsapi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .nsapi import NSAPIRequest, ParameterBlock, Session
    from .request import Request


_SESSION, _REQUEST = nsapi("Session"), nsapi("NSAPIRequest")


class RequestHandler:
    """Answers one request.  Subclass it under this very name and override ``Content``.

    Where Apache gives requests to Python directly, the plain cases of its methods are in C
    (apache/base.c).

    pb, sn, rq: parameter block, session and request in the manner of NSAPI.
    """

    #: Sent as Content-Type.  Text without a charset goes out as UTF-8 and is declared so.
    content_type = "text/html"
    #: When set, the client is sent to this URL (302) and the content is dropped.
    redirect = ""
    #: The request's facts: method, uri, args, filename, path_info, headers_in, user ...
    req: Request

    # Made when first asked for, unless the constructor was given them.
    _pb = nsapi("ParameterBlock")
    pb: ParameterBlock = Lazy(_pb)  # type: ignore[assignment]
    sn: Session = Lazy(_SESSION)  # type: ignore[assignment]
    rq: NSAPIRequest = Lazy(_REQUEST)  # type: ignore[assignment]

    #: Where ``print`` went before hook_stdout(), once that was called.
    save_stdout: Any
    _writer: stdout.File | None = None
    _before: stdout.Stream | None = None

    @classmethod
    def for_request(cls, req: Request) -> RequestHandler:
        """A handler for *req*.

        Its constructor is called with pb, sn and rq only if it is the subclass's own: most
        handlers use none of them, and making them takes a tenth of a request's time in Python.
        """
        if cls.__init__ is RequestHandler.__init__:
            handler = cls.__new__(cls)
        else:
            handler = cls(cls._pb(req), _SESSION(req), _REQUEST(req))
        handler.req = req
        return handler

    def __init__(self, pb: ParameterBlock, sn: Session, rq: NSAPIRequest) -> None:
        self.pb = pb
        self.sn = sn
        self.rq = rq
        self.req = rq.req

    def Handle(self) -> object:
        """Answer the request: ``Content``, ``Header``, ``Status`` and ``Send``, in this order."""
        content = self.Content()
        self.Header()
        self.Status()
        self.Send(content)
        return REQ_PROCEED

    def Content(self) -> Any:
        """Return the page: str, bytes, an iterator of either (sent as it comes), or anything that
        str() makes a page of.  What is false, None for one, is an empty page.

        Text is encoded in the charset of ``content_type``, UTF-8 if it names none; an iterator
        counts as text, whatever its pieces are."""
        return "Welcome to Httpdapi!"

    def Header(self) -> None:
        """Set the headers of the answer."""
        headers = self.req.headers_out
        headers["Content-Type"] = self.content_type
        if self.redirect:
            headers["Location"] = _ascii_url(self.redirect)

    def Status(self) -> None:
        """Set the status of the answer: 200, or 302 with a redirect."""
        self.req.status = PROTOCOL_REDIRECT if self.redirect else PROTOCOL_OK

    def Send(self, content: Any) -> None:
        """Send *content*, unless it is empty or the client is redirected."""
        if not content or self.redirect:
            return
        req = self.req
        if isinstance(content, bytes):
            req.finish(content)
            return
        headers = req.headers_out
        if self._writer is not None and self._writer.tell():
            codec = self._writer.encoding
        else:
            declared = headers.get("Content-Type", self.content_type)
            content_type, codec = text_type(declared)
            if content_type != declared:
                headers["Content-Type"] = content_type
        if isinstance(content, str) or not hasattr(content, "__next__"):
            req.finish(str(content).encode(codec))
            return
        if req.method == "HEAD":
            _close(content)
            return
        for data in pieces(content, codec):
            req.write(data)

    def form_data(self) -> dict[str, list[Any]]:
        """The form's fields by name, each a list of values in their order.

        POST reads the body (URL-encoded or multipart), other methods the query.  Blank values are
        dropped, as cgi.parse_qs did.  A value is a str; an uploaded file is a
        ``multipart.MultipartPart`` with ``filename``, ``file``, ``raw`` and ``save_as()``.
        Raises FormError (400, 413) for a form that cannot be read.
        """
        if not hasattr(self, "_form_data"):
            from .forms import form_data

            self._form_data = form_data(self.req)
        return self._form_data

    def hook_stdout(self) -> None:
        """Have ``print`` send to the client: what this thread prints, and threads and tasks that it
        starts from now on; until the request's end, or unhook_stdout().

        With the first text that is not empty the answer begins: with the headers in
        ``rq.srvhdrs``, ``content_type`` unless they have one, ``redirect``, and the status set by
        ``rq.protocol_status``, as they are then.  Text is encoded in the charset of the content
        type.  ``save_stdout`` is where ``print`` went before.
        """
        before, writer = stdout.current.get(), self._writer
        if writer is None:
            writer = self._writer = self.req.writer(self._begin_printing)
        if before is not writer:
            self._before = before
            self.save_stdout = before or getattr(sys.stdout, "server", sys.stdout)
            stdout.redirect(writer)

    def unhook_stdout(self) -> None:
        """Have ``print`` go where it went before hook_stdout(); nothing if that was not called."""
        if self._writer is not None and stdout.current.get() is self._writer:
            stdout.current.set(self._before)

    def _begin_printing(self) -> str:
        """Set what is known of the answer's headers, and give its charset."""
        req = self.req
        headers = req.headers_out
        content_type, codec = text_type(headers.get("Content-Type", self.content_type))
        if not req.started:
            headers["Content-Type"] = content_type
            if self.redirect:
                headers["Location"] = _ascii_url(self.redirect)
                if req.status == PROTOCOL_OK:
                    req.status = PROTOCOL_REDIRECT
        return codec

    def build_cgi_env(self) -> dict[str, str]:
        """The CGI variables of this request, the Authorization header among them."""
        env = self.req.environment
        env["GATEWAY_INTERFACE"] = "Python-CGI/1.1"
        return env


def _close(content: Iterator[object]) -> None:
    close = getattr(content, "close", None)
    if close is not None:
        close()


def _ascii_url(url: str) -> str:
    if url.isascii():
        return url
    from urllib.parse import quote

    return quote(url, safe="%/:=&?~#+!$,;'@()*[]")
