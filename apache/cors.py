"""Apache configuration for web pages of other origins (CORS, https://fetch.spec.whatwg.org)."""

import re
from collections.abc import Sequence

from .errors import ConfigError
from .templates import render

#: Scheme, host and port as a browser's Origin header has them; "null" stands for a page of none.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._-]+(:\d+)?|[a-z]+://\[[0-9a-f:]+\](:\d+)?|null")


def cors(origins: Sequence[str]) -> str:
    """The lines that let web pages of *origins* read answers, for a server or a virtual host; none
    without origins.

    Raises ConfigError for what is no origin.
    """
    if not origins:
        return ""
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"CORS_ORIGIN_WHITELIST has {origin!r}; an origin is what browsers send: "
                "scheme, host, and port unless it is the scheme's own, in lower case, without a "
                "slash at the end, as in https://example.org"
            )
    listed = ", ".join(f"'{origin}'" for origin in origins)
    return render("cors", listed=f"%{{HTTP:Origin}} in {{{listed}}}")
