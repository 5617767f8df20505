"""Enumerations of the settings."""

from enum import Enum


class webServerSeverity(Enum):  # noqa: N801 - hwebserver's name
    """How bad something is that is logged; the least that MIN_LOG_SEVERITY lets into the log.

    The values are Apache's log levels.
    """

    MessageSeverity = "info"  #: plain communication: each request, for one
    PromptSeverity = "notice"  #: asks for attention
    WarningSeverity = "warn"  #: something is wrong, the work goes on
    AbortSeverity = "error"  #: what was being done is given up
    FatalSeverity = "crit"  #: the server cannot go on


class webServerVerbosity(Enum):  # noqa: N801 - hwebserver's name
    """How much run() shows on the console."""

    Low = 1  #: warnings and errors
    Medium = 2  #: each request as well
    High = 3  #: what Apache says of itself, too
