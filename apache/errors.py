"""What goes wrong around a server, each with a sentence for the one who started it."""


class ConfigError(Exception):
    """Something has to be put right before the server can start.  The message says what and how."""


class ServerError(Exception):
    """Apache ended, or did not come up.

    log: the last lines of its error log.
    """

    def __init__(self, message: str, log: list[str] | None = None) -> None:
        super().__init__(message)
        self.log = log or []
