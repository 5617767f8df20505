"""Response: what a handler returns."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..handlers.content import text_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..handlers.request import Request as ApacheRequest
    from .request import Request

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BODILESS = (204, 304)


class Response:
    """An answer: body, status and headers.

    data: the body.  A str is encoded in the charset of *content_type*, UTF-8 if it has none; then
    text is declared to be UTF-8.
    is_file_name: *data* is the path of a file to send.
    delete_file: and that is removed when it is sent, or cannot be.

    Raises TypeError and ValueError for what is no answer.
    """

    # defaults on the class, since most responses leave them as they are
    _body = b""
    _file = ""
    _delete_file = False
    _is_chunked = False
    _headers: Mapping[str, tuple[str, str]] = {}  # by their names in small letters
    _cookies: Mapping[str, str] = {}  # values of Set-Cookie by the cookie's name

    def __init__(
        self,
        data: bytes | str | os.PathLike[str] = b"",
        status: int = 200,
        content_type: str = "text/html",
        is_file_name: bool = False,
        delete_file: bool = False,
    ) -> None:
        if not (isinstance(status, int) and 200 <= status <= 999):
            raise ValueError(f"a status is an int from 200 to 999, not {status!r}")
        self._status = status
        self._content_type = _checked_type(content_type)
        if is_file_name:
            self._file = os.fsdecode(data)
            self._delete_file = delete_file
        elif isinstance(data, bytes):
            self._body = data
        else:
            self.setBody(data)  # type: ignore[arg-type]

    def setHeader(self, name: str, value: str) -> None:
        """Set a header of the answer, in place of what it was.

        Set-Cookie may be set once for each cookie.  Transfer-Encoding: chunked has the body sent
        without its length; Content-Length is set by itself.  Raises TypeError for what is no str,
        ValueError for what would not be one header.
        """
        _check(name, value)
        lower = name.lower()
        if lower == "content-type":
            self._content_type = value
        elif lower == "set-cookie":
            self._cookies = {**self._cookies, value.partition("=")[0].strip(): value}
        elif lower == "transfer-encoding":
            if value.lower() not in ("chunked", "identity", ""):
                raise ValueError(f"Transfer-Encoding is chunked, or none, not {value!r}")
            self._is_chunked = value.lower() == "chunked"
        elif lower != "content-length":
            self._headers = {**self._headers, lower: (name, value)}

    def headers(self) -> dict[str, str]:
        """The headers that are set, Content-Type among them; several cookies joined by ", "."""
        found = {"Content-Type": self._content_type} if self._content_type else {}
        found |= dict(self._headers.values())
        if self._cookies:
            found["Set-Cookie"] = ", ".join(self._cookies.values())
        if self._is_chunked:
            found["Transfer-Encoding"] = "chunked"
        return found

    def setBody(self, body: bytes | str, content_type: str | None = None) -> None:
        """Make *body* the body, and *content_type* its type if that is given."""
        if content_type is not None:
            self._content_type = _checked_type(content_type)
        if isinstance(body, str):
            self._content_type, codec = text_type(self._content_type)
            self._body = body.encode(codec)
        elif isinstance(body, bytes | bytearray | memoryview):
            self._body = bytes(body)
        else:
            raise TypeError(f"a body is bytes or str, not {body!r}: json.dumps() makes it one")
        self._file = ""

    def statusLabel(self) -> str:
        """``200 OK`` ..."""
        from http import HTTPStatus

        try:
            return f"{self._status} {HTTPStatus(self._status).phrase}"
        except ValueError:
            return f"{self._status} Status"

    def body(self) -> bytes:
        """The body; that of a file is read.  Raises OSError for one that cannot be."""
        if self._file:
            return Path(self._file).read_bytes()
        return self._body

    def contentLength(self) -> int:
        """Bytes of the body.  Raises OSError for a file that is not there."""
        return Path(self._file).stat().st_size if self._file else len(self._body)

    def isChunked(self) -> bool:
        """Whether the body is sent without its length."""
        return self._is_chunked

    def sendHeaders(self, request: Request) -> None:
        """Send status and headers; ``request.sendBody()`` sends what comes after."""
        request.is_answered = True
        self._put_headers(request.req)
        request.req.flush()

    def send(self, req: ApacheRequest, *, at_once: bool = False) -> None:
        """Make this the answer to *req*; at_once: before its handler has come to its end."""
        self._put_headers(req)
        if self._file:
            from .files import send_file

            send_file(req, self._file, self._content_type, delete=self._delete_file)
        elif self._status in _BODILESS:
            req.write(b"")
        elif self._is_chunked:
            req.write(self._body)
        elif self._body and not at_once:
            req.finish(self._body)
        else:  # an empty one is begun, or Apache has a document for the status
            req.headers_out["Content-Length"] = str(len(self._body))
            req.write(self._body)
        if at_once:
            req.flush()

    def _whole(self) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """Status, headers and body, if there is nothing more to it."""
        if self._file or self._is_chunked or not self._body or self._status in _BODILESS:
            return None
        fields = [("Content-Type", self._content_type)] if self._content_type else []
        fields += self._headers.values()
        fields += [("Set-Cookie", cookie) for cookie in self._cookies.values()]
        fields.append(("Content-Length", str(len(self._body))))
        return self._status, fields, self._body

    def _put_headers(self, req: ApacheRequest) -> None:
        headers = req.headers_out
        req.status = self._status
        if self._content_type and self._status not in _BODILESS:
            headers["Content-Type"] = self._content_type
        for name, value in self._headers.values():
            headers[name] = value
        for cookie in self._cookies.values():
            headers.add("Set-Cookie", cookie)


def _check(name: str, value: str) -> None:
    """Raises TypeError or ValueError for what is no header, or more than one."""
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError(f"header {name!r}: name and value are str, not {value!r}")
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a header")
    if _CONTROL.search(value):
        raise ValueError(f"header {name!r}: a control character in {value!r}")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"header {name!r}: {value!r} is not Latin-1: encode it") from None


@lru_cache(256)
def _checked_type(value: str) -> str:
    """A content type.  Raises as _check()."""
    _check("Content-Type", value)
    return value
