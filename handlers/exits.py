"""Ways out of a handler, from any depth."""

from __future__ import annotations

from .constants import REQ_ABORTED, REQ_EXIT, REQ_NOACTION, REQ_PROCEED

_NAMES: dict[object, str] = {
    REQ_PROCEED: "REQ_PROCEED",
    "REQ_PROCEED": "REQ_PROCEED",
    REQ_ABORTED: "REQ_ABORTED",
    "REQ_ABORTED": "REQ_ABORTED",
    REQ_EXIT: "REQ_ABORTED",
    REQ_NOACTION: "REQ_NOACTION",
    "REQ_NOACTION": "REQ_NOACTION",
}


def result_name(result: object) -> str:
    """``REQ_PROCEED``, ``REQ_ABORTED`` or ``REQ_NOACTION``, whether *result* is the value or the
    name; "" for what is no result.  REQ_EXIT aborts.

    False is no result, nor is an enum's 0: they equal REQ_PROCEED, and may well mean the opposite.
    """
    return _NAMES.get(result, "") if type(result) in (int, str) else ""


def excerpt(value: object) -> str:
    """*value* for a line of the log: cut to a hundred characters, and whatever its repr() does."""
    from reprlib import Repr

    limits = Repr()
    limits.maxstring = limits.maxother = limits.maxlong = 100
    return limits.repr(value)


class SERVER_RETURN(BaseException):  # noqa: N801 - a name of 1999
    """Raised, it ends the request at once: ``SERVER_RETURN(REQ_ABORTED, PROTOCOL_NOT_FOUND)``.

    With result and status, the status None or 0 for the one that is set; with a result alone, or a
    status of 300 or more alone; or with one tuple of these.  No Exception, so that ``except
    Exception`` lets it pass, as it did when it was a string.
    """

    def outcome(self) -> tuple[str, int]:
        """The result's name, as result_name() has it, and the status, 0 for no change.

        Raises TypeError for what is neither.
        """
        args = self.args
        if len(args) == 1 and isinstance(args[0], tuple):
            args = args[0]
        if len(args) == 1:
            bare = args[0]
            is_status = isinstance(bare, int) and bare >= 300 and not result_name(bare)
            args = (REQ_ABORTED, bare) if is_status else (bare, None)
        name = result_name(args[0]) if len(args) == 2 else ""
        if not name or not (args[1] is None or isinstance(args[1], int)):
            raise TypeError(
                "SERVER_RETURN takes a result and a status, as in "
                f"SERVER_RETURN(REQ_ABORTED, PROTOCOL_NOT_FOUND), not {excerpt(self.args)}"
            )
        return name, args[1] or 0


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
