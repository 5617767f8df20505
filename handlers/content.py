"""What Content() may return, and how it becomes bytes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_TYPES = 256
_types: dict[str, tuple[str, str]] = {}


def text_type(content_type: str) -> tuple[str, str]:
    """The content type to declare for text, and the codec to encode the text with.

    A type without charset is UTF-8, and says so where that is defined (``text/...`` and XML);
    a charset the handler gave is kept and used.
    Raises LookupError for a charset that Python does not know.
    """
    known = _types.get(content_type)
    if known is None:
        known = _text_type(content_type)
        if len(_types) >= _MAX_TYPES:  # types made from request data must not pile up
            _types.clear()
        _types[content_type] = known
    return known


def _text_type(content_type: str) -> tuple[str, str]:
    media_type, *parameters = content_type.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip("\"'")
            "".encode(charset)
            return content_type, charset
    media_type = media_type.strip().lower()
    if media_type.startswith("text/") or media_type.endswith(("/xml", "+xml")):
        return f"{content_type}; charset=utf-8", "utf-8"
    return content_type, "utf-8"


def pieces(content: Iterator[object], codec: str) -> Iterator[bytes]:
    """Each non-empty piece of an iterator as bytes; closes the iterator however it ends.

    bytes stay as they are, str is encoded with *codec*, anything else goes through str().
    """
    try:
        for piece in content:
            data = piece if isinstance(piece, bytes) else str(piece).encode(codec)
            if data:
                yield data
    finally:
        close = getattr(content, "close", None)
        if close is not None:
            close()
