"""The header block of a CGI script's output (RFC 3875 section 6)."""

from __future__ import annotations

import re

from .errors import CGIError

#: A header block that is longer than this has no end: bytes.
MAX_BYTES = 64 * 1024

_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ +([0-9]{3})(?: .*)?")
_STATUS = re.compile(r"([0-9]{3})(?: .*)?")
#: cgitb begins its page like this, in case the header is not out yet (Python 3.11 and 3.12).
_CGITB = b"<!--: spam"
_SHOWN = 200


class Header:
    """What a script says of its answer before the empty line.

    status: of the answer, 200 to 599; None if the script names none.
    location: value of Location, "" if there is none.
    fields: (name, value) of all headers but Status, in their order, as Latin-1.
    """

    __slots__ = ("fields", "location", "status")

    def __init__(self) -> None:
        self.status: int | None = None
        self.location = ""
        self.fields: list[tuple[str, str]] = []


def parse(output: bytes) -> tuple[Header, int] | None:
    """The header block with which *output* begins, and where in it the body begins.

    None if the block's end has yet to come.  Lines end with LF or CRLF.  A first line like that of
    an HTTP answer is taken for the status: what nph- scripts begin with.
    Raises CGIError for a line that is no header.
    """
    header = Header()
    start, number = 0, 0
    while (end := output.find(b"\n", start)) >= 0:
        line = output[start:end].removesuffix(b"\r")
        start = end + 1
        number += 1
        if not line:
            return header, start
        _add(header, line, number)
    if len(output) > MAX_BYTES:
        raise CGIError(
            f"more than {MAX_BYTES} bytes of output, and no empty line that ends the header"
        )
    return None


def _add(header: Header, line: bytes, number: int) -> None:
    field = _FIELD.fullmatch(line)
    if field is None:
        first = _STATUS_LINE.fullmatch(line) if number == 1 else None
        if first is not None:
            header.status = _status(first[1].decode(), line, number)
        elif line != _CGITB:
            raise _bad(line, number, "is no header; headers come first, then an empty line")
        return
    name, value = field[1].decode("latin-1"), field[2].decode("latin-1").rstrip(" \t")
    lower = name.lower()
    if lower == "status":
        header.status = _status(value, line, number)
        return
    if lower == "location":
        header.location = value
    elif lower == "content-length" and not (value.isascii() and value.isdigit()):
        raise _bad(line, number, "has no number of bytes")
    header.fields.append((name, value))


def _status(text: str, line: bytes, number: int) -> int:
    found = _STATUS.fullmatch(text)
    if found is None or not 200 <= int(found[1]) <= 599:
        raise _bad(line, number, "has no status from 200 to 599")
    return int(found[1])


def _bad(line: bytes, number: int, what: str) -> CGIError:
    shown = line[:_SHOWN].decode("utf-8", "backslashreplace")
    return CGIError(f"line {number} of the output, {shown!r}, {what}")
