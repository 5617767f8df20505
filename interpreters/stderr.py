"""sys.stderr of an interpreter whose requests come directly."""

from __future__ import annotations

from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ._link import Request

_LINE_MAX = 4096


class ErrorStream:
    """What a request's thread writes goes to the error log as that request's, in whole lines, never
    mixed with what others write.  Anything else goes where it went before.

    server: the stream of before.
    current: gives the request that the thread runs, or None.
    """

    def __init__(self, server: Any, current: Callable[[], Request | None]) -> None:
        self._server = server
        self._current = current
        #: thread -> a line without its end
        self.partial: dict[int, str] = {}

    def write(self, text: str) -> int:
        request = self._current()
        if request is None:
            return self._server.write(text)  # type: ignore[no-any-return]
        thread = get_ident()
        lines, end, rest = (self.partial.pop(thread, "") + text).rpartition("\n")
        if end:
            request.log(lines)
        if len(rest) > _LINE_MAX:
            request.log(rest)
        elif rest:
            self.partial[thread] = rest
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def finish(self, request: Request) -> None:
        """Log the last line of *request*, which has no end."""
        rest = self.partial.pop(get_ident(), "")
        if rest:
            request.log(rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)
