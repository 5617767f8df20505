"""A process that a handler has forked ends where the handler does: it is no worker of Apache's."""

from __future__ import annotations

import sys
from os import _exit, register_at_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

#: Whether this process was forked by a handler.
is_child = False


def _become_child() -> None:
    global is_child
    is_child = True


register_at_fork(after_in_child=_become_child)


def end(error: BaseException | None) -> NoReturn:
    """End this process, with the status that it would have if *error* ended a script."""
    status: object = 0
    if isinstance(error, SystemExit):
        status = error.code
        if status is not None and not isinstance(status, int):
            sys.stderr.write(f"{status}\n")
            status = 1
    elif error is not None:
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    _exit(int(status or 0) & 255)  # type: ignore[call-overload]
