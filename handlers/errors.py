"""Errors on the client's side of a request."""


class ClientGoneError(OSError):
    """The client closed its connection before the whole request or answer was through."""


class NoCredentialsError(KeyError, ValueError):
    """A handler takes for granted that the request brings Basic credentials, which it does not.

    An AuthHandler that lets it pass asks the client for them.
    """


class RequestError(Exception):
    """The request cannot be answered as it is; *status* is what the client gets.

    The message goes to the log, Apache's own document for the status to the client.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class CGIError(Exception):
    """A CGI script's output is no answer; the message says what it lacks."""


class PublisherError(Exception):
    """The publisher cannot do its work here; the message says what to do."""
