"""The guide's pages, and the examples in them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

_FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    files: the names of the files that it is, from its title.
    """

    language: str
    files: tuple[str, ...]
    text: str


def page_name(page: Path) -> str:
    """Of *page* within the guide, without its suffix."""
    return str(page.relative_to(DOCS).with_suffix(""))


def blocks(page: Path) -> list[Block]:
    return [
        Block(language, tuple(title.split(", ")) if title else (), text)
        for language, title, text in _FENCE.findall(page.read_text())
    ]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """What links to the page's headings end with."""
    headings = (heading.lower().replace("`", "") for heading in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in headings}


def starts_scripts(page: Path) -> bool:
    """Whether its examples are scripts that call run(), not files in a directory."""
    return any("script.py" in block.files for block in blocks(page))
