"""Responses that handlers often need."""

from __future__ import annotations

import json
import mimetypes
import os
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .response import Response

if TYPE_CHECKING:
    from .request import Request

_JSON = "application/json"
_HTML = ("text/html", "application/xhtml+xml")
#: Types of compressed files, which mimetypes has as a type and an encoding.
_COMPRESSED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/x-brotli",
    "compress": "application/x-compress",
}
_encode = json.JSONEncoder(allow_nan=False).encode  # NaN is no JSON
_ATTRIBUTE = "!#$&+-.^_`|~"  # RFC 8187: what stands for itself in filename*


def errorResponse(
    request: Request, error_message: Any, status: int, use_heading: bool = True
) -> Response:
    """An answer that says what is wrong: JSON, ``{"error": error_message}``, for clients that
    accept it rather than HTML, for others a page.

    error_message: what JSON can hold.  use_heading: the page has it as a heading.
    """
    if accepts_json(request):
        return Response(_encode({"error": error_message}), status, _JSON)
    text = error_message if isinstance(error_message, str) else _encode(error_message)
    response = Response(b"", status, "text/html")
    element = "h1" if use_heading else "p"
    response.setBody(
        f"<!DOCTYPE html>\n<title>{escape(response.statusLabel())}</title>\n"
        f"<{element}>{escape(text)}</{element}>\n"
    )
    return response


def notFoundResponse(request: Request) -> Response:
    """An answer with status 404, as errorResponse() has it."""
    return errorResponse(request, "The requested URL was not found on this server.", 404)


def redirect(request: Request, path: str, permanent: bool = False) -> Response:
    """An answer that sends the client to *path* of this host: status 302, or 301 if *permanent*.

    path: may be relative to the request's, or a whole URL.
    """
    location = request.absoluteURI(path)
    status = 301 if permanent else 302
    response = Response(f'<a href="{escape(location)}">{escape(location)}</a>\n', status)
    response.setHeader("Location", location)
    return response


def fileResponse(
    file_path: str | os.PathLike[str],
    content_type: str | None = None,
    delete_file: bool = False,
    download_as_filename: str | None = None,
) -> Response:
    """An answer that sends a file; 404 if it is missing, which the log then says.

    content_type: without one by the file's name.
    delete_file: the file is removed when it is sent, or the client has gone away.
    download_as_filename: have browsers save it under that name.
    """
    if content_type is None:
        kind, encoding = mimetypes.guess_type(os.fsdecode(file_path))
        content_type = _COMPRESSED.get(encoding or "", kind) or "application/octet-stream"
    response = Response(file_path, 200, content_type, is_file_name=True, delete_file=delete_file)
    if download_as_filename is not None:
        response.setHeader("Content-Disposition", _attachment(download_as_filename))
    return response


def accepts_json(request: Request) -> bool:
    """Whether the client's header Accept names JSON, and not HTML before it."""
    best, is_json = 0.0, False
    for item in request.req.headers_in.get("Accept", "").lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        if kind != _JSON and kind not in _HTML:
            continue
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = _quality(parameter[2:])
        if quality > best:
            best, is_json = quality, kind == _JSON
    return is_json


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _attachment(name: str) -> str:
    """The header Content-Disposition for a file's name (RFC 6266); one that is not ASCII is there
    twice, for old clients with "_"."""
    name = "".join("_" if c in "/\\" or not c.isprintable() else c for c in name)
    plain = "".join(c if c.isascii() and c not in '"%' else "_" for c in name)
    header = f'attachment; filename="{plain}"'
    if plain != name:
        header += f"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE, errors='replace')}"
    return header
