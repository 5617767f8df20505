"""Credentials, which no log and no debug page may show."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHORTEST = 3  # characters; the letter "a" as a password would hide half of every text


def hide_credentials(text: str, headers: Mapping[str, str]) -> str:
    """*text* with ``[hidden]`` for the credentials in a request's headers."""
    for secret in sorted(set(_secrets(headers)), key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "[hidden]")
    return text


def _secrets(headers: Mapping[str, str]) -> Iterator[str]:
    for name in ("Authorization", "Proxy-Authorization"):
        scheme, _, value = headers.get(name, "").partition(" ")
        value = value.strip()
        if not value:
            continue
        yield value
        if scheme.lower() == "basic":
            from binascii import Error, a2b_base64

            try:
                pair = a2b_base64(value)
            except Error:
                continue
            password = pair.partition(b":")[2]
            yield password.decode("utf-8", "replace")
            yield password.decode("latin-1")
            yield repr(password)[2:-1]
