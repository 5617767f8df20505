"""The credentials that a request brings."""

from __future__ import annotations

from binascii import Error, a2b_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .request import Request


def basic(req: Request) -> tuple[str, str] | None:
    """User and password of Basic authentication (RFC 7617), or None without such.

    UTF-8, or Latin-1 where they are no UTF-8.
    """
    scheme, _, value = req.headers_in.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = a2b_base64(value.strip())
    except Error:
        return None
    try:
        text = pair.decode()
    except UnicodeDecodeError:
        text = pair.decode("latin-1")
    user, colon, password = text.partition(":")
    return (user, password) if colon and "\0" not in text else None
