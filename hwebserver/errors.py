"""What goes wrong with a server, or with a call of its API."""


class OperationFailed(Exception):  # noqa: N818 - hwebserver's name
    """The server cannot do this; the message says why, and the remedy."""
