"""What goes wrong with a server, or with a call of its API."""

from typing import Any


class OperationFailed(Exception):  # noqa: N818 - hwebserver's name
    """The server cannot do this; the message says why, and the remedy."""


class APIError(Exception):
    """For an API function to raise: the client gets status 422 and *msg*, any JSON value."""

    def __init__(self, msg: Any) -> None:
        super().__init__(msg)
        self.msg = msg
