"""The settings in force for a request: its directory, and the PythonOption lines."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .urls import Source

_OFF = frozenset({"", "0", "off", "no", "false"})
_MAX_KNOWN = 1024
_DIRECTIVE = "\x01"  # begins the name of a directive, where that of an option stands


class Settings:
    """Settings of one directory.

    Frozen by use: one object serves every request with the same settings.
    """

    __slots__ = (
        "autoreload",
        "debug",
        "directives",
        "directory",
        "handler",
        "options",
        "pythonpath",
        "rootpkg",
        "set_in",
        "sources",
        "text",
    )

    def __init__(self, text: str) -> None:
        #: what this was made from, and so what tells it from others
        self.text = text
        #: canonical directory of the request's file
        self.directory, _, rest = text.partition("\n")
        lines = rest.split("\n") if rest else []
        names = lines[0::3]
        values = dict(zip(names, lines[1::3], strict=True))
        #: directive other than PythonOption -> value
        self.directives: Mapping[str, str] = {
            name[1:]: values.pop(name) for name in names if name[0] == _DIRECTIVE
        }
        #: option -> value, names as the administrator spelled them
        self.options: Mapping[str, str] = values
        #: option -> directory of the .htaccess or <Directory> that sets it, "" for the server
        self.set_in: Mapping[str, str] = dict(zip(names, lines[2::3], strict=True))
        meaning = {name.lower(): value for name, value in self.options.items()}
        #: file name -> module that serves it, as interpreters/search.py found it
        self.sources: dict[str, Source] = {}
        self.debug = is_on(meaning.get("debug", "0"))
        self.autoreload = is_on(meaning.get("autoreload", "1"))
        self.rootpkg = meaning.get("rootpkg", "")
        self.handler = meaning.get("handler", "")
        self.pythonpath = meaning.get("pythonpath", "")

    def directory_of(self, option: str) -> str:
        """The directory in which *option* (lower case) is set; "" if none is known."""
        return next((d for name, d in self.set_in.items() if name.lower() == option), "")


def is_on(value: str) -> bool:
    """Whether a switch is on: everything but ``0``, ``off``, ``no``, ``false`` and "" is."""
    return value.strip().lower() not in _OFF


_known: dict[str, Settings] = {}


def parse(text: str) -> Settings:
    """The settings that the link wrote as *text*: the directory, and then name, value and directory
    of each option and directive, in lines.

    The same text gives the same object.
    """
    settings = _known.get(text)
    if settings is None:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        settings = _known[text] = Settings(text)
    return settings
