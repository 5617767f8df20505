"""The PythonOption settings in force for a request."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_OFF = frozenset({"", "0", "off", "no", "false"})
_MAX_KNOWN = 1024


class Options:
    """Settings of one directory: ``values`` as written, and those with a meaning of their own.

    Frozen by use: one object serves every request with the same settings.
    """

    __slots__ = (
        "autoreload",
        "debug",
        "directories",
        "handler",
        "pythonpath",
        "rootpkg",
        "text",
        "values",
    )

    def __init__(self, text: str) -> None:
        self.text = text
        #: name -> value, names as the administrator spelled them
        self.values: Mapping[str, str]
        #: name -> directory of the .htaccess or <Directory> that sets it, "" for the server
        self.directories: Mapping[str, str]
        lines = text.split("\n") if text else []
        self.values = dict(zip(lines[0::3], lines[1::3], strict=True))
        self.directories = dict(zip(lines[0::3], lines[2::3], strict=True))
        meaning = {name.lower(): value for name, value in self.values.items()}
        self.debug = is_on(meaning.get("debug", "0"))
        self.autoreload = is_on(meaning.get("autoreload", "1"))
        self.rootpkg = meaning.get("rootpkg", "")
        self.handler = meaning.get("handler", "")
        self.pythonpath = meaning.get("pythonpath", "")

    def directory_of(self, option: str) -> str:
        """The directory in which *option* (lower case) is set; "" if none is known."""
        return next((d for name, d in self.directories.items() if name.lower() == option), "")


def is_on(value: str) -> bool:
    """Whether a switch is on: everything but ``0``, ``off``, ``no``, ``false`` and "" is."""
    return value.strip().lower() not in _OFF


_known: dict[str, Options] = {}


def parse(text: str) -> Options:
    """The settings that the link wrote as *text*: name, value and directory in lines, in turn.

    The same text gives the same object.
    """
    options = _known.get(text)
    if options is None:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        options = _known[text] = Options(text)
    return options
