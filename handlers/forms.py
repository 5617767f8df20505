"""form_data: the fields of a form, by query, URL-encoded body or multipart body."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import parse_qs

import multipart

from .errors import RequestError
from .request import Request

#: Forms of more fields than this are refused, as an attack (PHP's max_input_vars is 1000).
MAX_FIELDS = 1000
#: Fields up to this size stay in memory, files beyond it on disk: bytes.
SPOOL_BYTES = 64 * 1024
#: Everything in memory together, and the size of a URL-encoded body: bytes.
MEMORY_BYTES = 8 * 1024 * 1024


class FormError(RequestError):
    """The client's form cannot be read."""


def form_data(req: Request) -> dict[str, list[Any]]:
    """Field name -> values in their order: str, and MultipartPart for uploaded files.

    Raises FormError: 413 for too many fields or too large a form, 400 for one that is malformed.
    """
    if req.method != "POST":
        return _urlencoded(req.args)
    media_type, parameters = multipart.parse_options_header(
        req.headers_in.get("Content-Type", "application/x-www-form-urlencoded")
    )
    if media_type == "multipart/form-data":
        return _multipart(req, parameters.get("boundary", ""))
    if media_type == "application/x-www-form-urlencoded":
        body = _read(req, MEMORY_BYTES)
        return _urlencoded(body.decode("latin-1"))
    return {}


def _urlencoded(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise FormError(f"more than {MAX_FIELDS} form fields", 413) from error


def _read(req: Request, limit: int) -> bytes:
    body = bytearray()
    while data := req.read(65536):
        body += data
        if len(body) > limit:
            raise FormError(f"a form of more than {limit} bytes", 413)
    return bytes(body)


def _multipart(req: Request, boundary: str) -> dict[str, list[Any]]:
    if not boundary:
        raise FormError("multipart/form-data without a boundary")
    form: dict[str, list[Any]] = {}
    try:
        parser = multipart.MultipartParser(
            cast("Any", req),
            boundary,
            part_limit=MAX_FIELDS,
            spool_limit=SPOOL_BYTES,
            memory_limit=MEMORY_BYTES,
        )
        for part in parser:
            if part.filename is None:
                value: Any = part.value
            else:  # browsers send an empty one for a file field left alone
                value = part if part.filename or part.size else None
            if value:
                form.setdefault(part.name, []).append(value)
    except multipart.ParserLimitReached as error:
        raise FormError(f"multipart form: {error}", 413) from error
    except (multipart.MultipartError, UnicodeError) as error:
        raise FormError(f"multipart form: {error}") from error
    return form
