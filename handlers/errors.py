"""Errors that are the client's, with the status it should be told."""


class RequestError(Exception):
    """The request cannot be answered as it is; *status* is what the client gets.

    The message goes to the log, Apache's own document for the status to the client.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
