"""What a request is asked for that follows from the rest of it, on both ways into Python."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..handlers.headers import Headers
    from .settings import Settings

#: Said when a request is used that is over.
OVER = "the request is over: take what you need of it before the handler returns"


class Derived:
    """Base of the classes of requests."""

    __slots__ = ()

    if TYPE_CHECKING:
        settings: Settings
        started: bool
        headers_out: Headers

    @property
    def directory(self) -> str:
        return self.settings.directory

    @property
    def options(self) -> Mapping[str, str]:
        return self.settings.options

    @property
    def directives(self) -> Mapping[str, str]:
        return self.settings.directives

    @property
    def debug(self) -> bool:
        return self.settings.debug

    def option_directory(self, name: str) -> str:
        return self.settings.directory_of(name.lower())

    @property
    def content_type(self) -> str:
        return self.headers_out.get("Content-Type", "")  # type: ignore[no-any-return]

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.headers_out["Content-Type"] = value

    def internal_redirect(self, location: str, /) -> None:
        if self.started:
            raise RuntimeError("the answer has begun: it cannot come from elsewhere any more")
        if location[:1] != "/" or not all(" " <= c <= "\xff" and c != "\x7f" for c in location):
            raise ValueError(f"{location!r} is no path of a URL")
        self.redirect(location)

    if TYPE_CHECKING:

        def redirect(self, location: str, /) -> None: ...


def read_error(status: int, reason: str) -> Exception:
    """The exception for a body that did not arrive, with Apache's *status* for the reason."""
    from ..handlers.errors import ClientGoneError, RequestError

    message = f"the request's body did not arrive: {reason}"
    return RequestError(message, status) if status in (408, 413) else ClientGoneError(message)
