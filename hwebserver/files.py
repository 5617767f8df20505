"""Files as answers: conditional requests and ranges (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import os
import re
import secrets
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..handlers.request import Request

#: More ranges in a request are an attack: it gets the whole file.
MAX_RANGES = 100

_RANGE = re.compile(r"\s*(\d*)-(\d*)\s*", re.ASCII)
_TAG = re.compile(r'(?:W/)?"[^"]*"')


def send_file(req: Request, path: str, content_type: str, *, delete: bool) -> None:
    """Make a file the answer to *req*, whose status and headers are set.

    A file that is missing is 404, one that cannot be read 500; the log says why.
    delete: remove it, whatever becomes of the answer.
    """
    try:
        _send(req, path, content_type)
    finally:
        if delete:
            Path(path).unlink(missing_ok=True)


def _send(req: Request, path: str, content_type: str) -> None:
    try:
        file = Path(path).stat()
        if not S_ISREG(file.st_mode):
            raise FileNotFoundError(f"{path} is no file")
        os.close(os.open(path, os.O_RDONLY))
    except (OSError, ValueError) as error:
        is_missing = isinstance(error, FileNotFoundError | NotADirectoryError | ValueError)
        req.log(f"the file of a Response cannot be sent: {error}")
        req.headers_out.clear()
        _finish(req, 404 if is_missing else 500, b"The file cannot be sent.\n")
        return
    size, headers = file.st_size, req.headers_out
    headers.setdefault("ETag", f'"{file.st_mtime_ns:x}-{size:x}-{file.st_ino:x}"')
    headers.setdefault("Last-Modified", formatdate(int(file.st_mtime), usegmt=True))
    headers.setdefault("Accept-Ranges", "bytes")
    wanted: list[tuple[int, int]] | None = None
    if req.status == 200 and req.method in ("GET", "HEAD"):
        tag, modified = headers["ETag"], headers["Last-Modified"]
        status = condition(req.headers_in, tag, modified)
        if status != 200:
            if status == 304:
                headers["Content-Type"] = None
            _finish(req, status, b"")
            return
        if req.method == "GET":
            wanted = ranges(req.headers_in, size, tag, modified)
    if wanted is None:
        _send_range(req, path, 0, size)
    elif not wanted:
        headers["Content-Range"] = f"bytes */{size}"
        _finish(req, 416, b"")
    elif len(wanted) == 1:
        first, end = wanted[0]
        req.status = 206
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        _send_range(req, path, first, end)
    else:
        _send_ranges(req, path, wanted, size, content_type)


def condition(headers: Mapping[str, str], tag: str, modified: str) -> int:
    """Status of an answer that has the validators *tag* and *modified*: 200, 304 or 412."""
    matching, unmodified = headers.get("If-Match"), headers.get("If-Unmodified-Since")
    if matching is not None:
        if not _has_tag(matching, tag, weak=False):
            return 412
    elif unmodified is not None and _is_later(modified, unmodified) is True:
        return 412
    none_matching, since = headers.get("If-None-Match"), headers.get("If-Modified-Since")
    if none_matching is not None:
        return 304 if _has_tag(none_matching, tag, weak=True) else 200
    return 304 if since is not None and _is_later(modified, since) is False else 200


def ranges(
    headers: Mapping[str, str], size: int, tag: str, modified: str
) -> list[tuple[int, int]] | None:
    """First byte and end of each range of *size* bytes that is wanted and there; None: all of it,
    which is the answer also to what is no Range, or not worth it."""
    unit, _, text = headers.get("Range", "").partition("=")
    if unit.strip().lower() != "bytes" or headers.get("If-Range", tag) not in (tag, modified):
        return None
    found = []
    for item in text.split(","):
        match = _RANGE.fullmatch(item)
        if match is None or not (match[1] or match[2]):
            return None
        if match[1]:
            first, end = int(match[1]), int(match[2]) + 1 if match[2] else size
            if end <= first < size:
                return None
        else:
            first, end = max(0, size - int(match[2])), size
        if first < min(end, size):
            found.append((first, min(end, size)))
    if len(found) > MAX_RANGES or (len(found) > 1 and sum(e - f for f, e in found) > size):
        return None
    return found


def _has_tag(header: str, tag: str, *, weak: bool) -> bool:
    """Whether an If-Match or If-None-Match has *tag*; weak: as one that need not be the same byte
    for byte."""
    if header.strip() == "*":
        return True
    if weak:
        return tag.removeprefix("W/") in (t.removeprefix("W/") for t in _TAG.findall(header))
    return not tag.startswith("W/") and tag in _TAG.findall(header)


def _is_later(one: str, other: str) -> bool | None:
    """Whether an HTTP date is after another; None if one is no date."""
    try:
        return parsedate_to_datetime(one) > parsedate_to_datetime(other)
    except (TypeError, ValueError):
        return None


def _finish(req: Request, status: int, body: bytes) -> None:
    req.status = status
    if status != 304:
        req.headers_out["Content-Length"] = str(len(body))
    if body:
        req.headers_out["Content-Type"] = "text/plain"
    req.write(body)


def _send_range(req: Request, path: str, first: int, end: int) -> None:
    if req.method == "HEAD" or first == end:
        req.headers_out["Content-Length"] = str(end - first)
        req.write(b"")
    else:
        req.sendfile(path, first, end - first)


def _send_ranges(
    req: Request, path: str, wanted: list[tuple[int, int]], size: int, content_type: str
) -> None:
    """A multipart/byteranges (RFC 9110, 14.6)."""
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
        f"Content-Range: bytes {first}-{end - 1}/{size}\r\n\r\n".encode("latin-1")
        for first, end in wanted
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(end - first for first, end in wanted) + len(tail)
    req.status = 206
    req.headers_out["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    req.headers_out["Content-Length"] = str(length)
    for head, (first, end) in zip(heads, wanted, strict=True):
        req.write(head)
        req.sendfile(path, first, end - first)
    req.write(tail)
