"""Ways out of a handler, from any depth."""

from __future__ import annotations

from .constants import REQ_ABORTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SERVER_RETURN(BaseException):  # noqa: N801 - a name of 1999
    """Raised, it ends the request at once: ``SERVER_RETURN(REQ_ABORTED, PROTOCOL_NOT_FOUND)``.

    With result and status, the status None or 0 for the one that is set; with a result alone, or a
    status of 300 or more alone; or with one tuple of these.  No Exception, so that ``except
    Exception`` lets it pass, as it did when it was a string.
    """

    def outcome(self) -> tuple[Any, Any]:
        """Result and status, a false one for no change.  Raises TypeError for what is neither."""
        args = self.args
        if len(args) == 1 and isinstance(args[0], tuple):
            args = args[0]
        if len(args) == 2:
            return args[0], args[1]
        if len(args) != 1:
            raise TypeError(f"SERVER_RETURN takes a result and a status, not {self.args!r}")
        if isinstance(args[0], int) and args[0] >= 300 and args[0] != REQ_ABORTED:
            return REQ_ABORTED, args[0]
        return args[0], None


class PROG_TRACEBACK(Exception):  # noqa: N801, N818 - a name of 1999
    """Raised by a ``Handle`` that has caught an error and wants it reported all the same:
    ``PROG_TRACEBACK(*sys.exc_info())``."""

    def error(self) -> BaseException:
        """The error that was caught; this one itself if it was made of something else."""
        args = self.args[0] if len(self.args) == 1 else self.args
        try:
            _, error, trace = args
            return error.with_traceback(trace)  # type: ignore[no-any-return]
        except (AttributeError, TypeError, ValueError):
            return self
