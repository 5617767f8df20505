"""The guide has a page for everything, and nothing else; what it says of the code's names is so."""

import inspect
import re
from pathlib import Path

import pytest
from support.guide import DOCS, PAGES, ROOT, anchors, blocks, prose

import httpdapi
from httpdapy.handlers import errors
from httpdapy.handlers.request import Request

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"\w+")
#: Where options are read, and by which words.
READ = re.compile(
    r"""(?:(?:meaning|pb|\.options)(?:\.get\(|\[)|option_directory\(|directory_of\("""
    r"""|hdpy_option(?:_is_on)?\(conf, )"(\w+)\""""
)
SOURCES = [
    file
    for folder in ("apache", "apache/archive", "handlers", "interpreters")
    for file in (ROOT / folder).iterdir()
    if file.suffix in (".c", ".h", ".py")
]


def pages_of(folder: str) -> set[str]:
    return {page.stem for page in (DOCS / folder).glob("*.md")} - {"index"}


def names_in_tables(page: Path) -> set[str]:
    """Those with which the code in the first columns of the page's tables begins."""
    rows = re.findall(r"^\| ([^|]+) \|", prose(page), re.MULTILINE)
    return {match[0] for row in rows for code in CODE.findall(row) if (match := NAME.match(code))}


def names_in_headings(page: Path) -> set[str]:
    headings = re.findall(r"^## (.+)$", prose(page), re.MULTILINE)
    names = [name for heading in headings for name in heading.split(", ")]
    return {match[0] for name in names if (match := NAME.match(name))}


# ---- directives and options ----------------------------------------------------------------------


def test_every_directive_has_its_page_and_every_page_its_directive():
    tables = ("apache/settings.c", "apache/archive/mod_archive.c")
    table = "".join((ROOT / file).read_text() for file in tables)
    ours = re.findall(r'AP_INIT_\w+\("(\w+)"[^"]+"(?!see mod_)', table)
    assert len(ours) > 5
    assert pages_of("directives") == {*ours, "AddHandler"}  # where the handler's name stands


def test_every_option_has_its_page_and_every_page_its_option():
    read = {name for file in SOURCES for name in READ.findall(file.read_text())}
    assert {"debug", "direct", "zope_conf"} <= read
    assert pages_of("options") == read


@pytest.mark.parametrize("folder", ["directives", "options"])
def test_pages_say_the_same_things(folder: str):
    for name in pages_of(folder):
        rows = re.findall(r"^\| ([A-Z]\w+) \|", prose(DOCS / folder / f"{name}.md"), re.MULTILINE)
        assert rows == ["Syntax", "Default", "Context", "Override", "Merge"], name


@pytest.mark.parametrize("index", ["directives/index.md", "options/index.md"])
def test_indexes_are_complete(index: str):
    page = DOCS / index
    linked = {Path(link).stem for link in LINK.findall(page.read_text()) if "/" not in link}
    assert linked == pages_of(page.parent.name)


def test_every_message_of_the_link_has_its_row():
    used = {name for file in SOURCES for name in re.findall(r"HDPY\d{4}", file.read_text())}
    rows = re.findall(r"^\| (HDPY\d{4})\b", prose(DOCS / "operations.md"), re.MULTILINE)
    assert len(rows) == len(set(rows)) and set(rows) == used


# ---- classes -------------------------------------------------------------------------------------


def test_every_public_name_has_its_place():
    classes = {name for name in httpdapi.__all__ if isinstance(getattr(httpdapi, name), type)}
    assert classes <= names_in_tables(DOCS / "classes/index.md")
    page = DOCS / "classes/constants.md"
    constants = set(re.findall(r"`((?:REQ|PROTOCOL)_\w+)`", prose(page)))
    assert set(httpdapi.__all__) - classes - {"Status"} == constants


def public(cls: type) -> set[str]:
    """Names of its own attributes, those that are only declared, too."""
    names = {*vars(cls), *inspect.get_annotations(cls)}
    return {name for name in names if not name.startswith("_")}


def test_every_attribute_of_a_handler_is_described():
    page = DOCS / "classes/RequestHandler.md"
    described = names_in_tables(page) | names_in_headings(page)
    inner = {"for_request"}  # called by the dispatch alone
    assert public(httpdapi.RequestHandler) - inner <= described


def test_every_attribute_of_a_request_is_described_and_no_other():
    described = names_in_tables(DOCS / "classes/Request.md") - {"for"}
    assert described == public(Request)


def test_every_exception_has_its_row():
    ours = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert names_in_tables(DOCS / "classes/errors.md") == {*ours, "FormError"}


def test_every_option_of_the_command_is_described():
    said = (DOCS / "command.md").read_text()
    options = re.findall(r'"(--\w+)"', (ROOT / "apache/command.py").read_text())
    assert "--port" in options
    assert [name for name in options if name not in said] == ["--version"]


# ---- all pages -----------------------------------------------------------------------------------


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_python_in_pages_is_python(page: Path):
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, str(page), "exec")


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=page_id)
def test_links_lead_somewhere(page: Path):
    """Also on the forge, where the pages are read as they are, and from the README."""
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
