"""Response: what a handler returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..handlers.request import Request as ApacheRequest


class Response:
    """An answer: body, status and headers."""

    def __init__(
        self, data: bytes | str = b"", status: int = 200, content_type: str = "text/html"
    ) -> None:
        self._body = data.encode() if isinstance(data, str) else data
        self._status = status
        self._headers = {"Content-Type": content_type}

    def setHeader(self, name: str, value: str) -> None:
        """Set a header of the answer."""
        self._headers[name] = value

    def send(self, req: ApacheRequest) -> None:
        """Make this the answer to *req*."""
        req.status = self._status
        for name, value in self._headers.items():
            req.headers_out[name] = value
        req.finish(self._body)
