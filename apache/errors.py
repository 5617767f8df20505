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

    def explanation(self) -> str:
        """One sentence of what Apache said, for its log has it all."""
        for line in self.log:
            if any(
                text in line for text in ("Syntax error", "could not bind", "AH00526", ":emerg]")
            ):
                following = self.log[self.log.index(line) + 1 :]
                reason = " ".join([line, *following[:1]]) if "Syntax error" in line else line
                return f"{self}: {reason.rpartition('] ')[2]}"
        return f"{self}; its error log is above"
