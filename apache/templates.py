"""The templates in conf/, and what may be put into them."""

from pathlib import Path
from string import Template

from .errors import ConfigError

_TEMPLATES = Path(__file__).resolve().parent.parent / "conf"


def render(name: str, **values: str) -> str:
    """The template of that name with *values*."""
    return Template((_TEMPLATES / f"{name}.conf.in").read_text()).substitute(values)


def quotable(path: Path | str, what: str = "the path") -> str:
    """A path, or *what* it is, as it may stand between quotes in Apache's configuration.

    Raises ConfigError for one that cannot.
    """
    text = str(path)
    for bad in ("'", '"', "\\", "${", "\n"):
        if bad in text:
            remedy = (
                "rename the directory, or serve it through a symbolic link"
                if isinstance(path, Path)
                else "choose another"
            )
            raise ConfigError(
                f"{what} {text} contains {bad!r}, which Apache's configuration cannot hold; "
                f"{remedy}"
            )
    return text
