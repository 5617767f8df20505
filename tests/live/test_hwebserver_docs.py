"""The examples of the guide's pages on hwebserver: they are run, and asked what curl asks there."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from support.curl import check_console
from support.guide import DOCS, PAGES, ROOT, Block, blocks, page_name, starts_scripts
from support.script import Script, running_script
from support.site import request

from httpdapy import hwebserver

ONE_WAY = True

#: The last line of scripts that can be served together with others.
SIMPLE = "\nhwebserver.run(8008)\n"
#: What concerns the server as a whole.
NOT_SHARED = re.compile(r"hwebserver[.](requestShutdown|set\w+|Server)|hou_compat")
NUMBER = re.compile(r"\b800[89]\b")


@dataclass
class Example:
    """A script, the files that it needs, and what is asked of it."""

    page: str
    script: str
    files: list[Block] = field(default_factory=list)
    consoles: list[str] = field(default_factory=list)

    @property
    def is_simple(self) -> bool:
        return self.script.endswith(SIMPLE) and not NOT_SHARED.search(self.script)


def examples(page: Path) -> list[Example]:
    found: list[Example] = []
    for block in blocks(page):
        if block.language == "python" and block.files:
            found.append(Example(page_name(page), block.text))
        elif block.files:
            found[-1].files.append(block)
        elif block.language == "console" and "$ curl" in block.text:
            found[-1].consoles.append(block.text)
    return found


ALL = [each for page in PAGES if starts_scripts(page) for each in examples(page)]
SHARED = [each for each in ALL if each.is_simple]
ALONE = [each for each in ALL if not each.is_simple]


def write_files(directory: Path, example: Example) -> None:
    for block in example.files:
        for name in block.files:
            file = directory / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)


def check(example: Example, script: Script, numbers: dict[int, int]) -> None:
    """numbers: those of the ports, by what they are in the guide."""

    def ask(port: int, method: str, path: str, body, headers):
        return request(numbers[port], method, f"/{path}", body, headers)

    assert example.consoles, "nothing is asked of the example"
    for console in example.consoles:
        check_console(console, ask, script.directory)


@pytest.fixture(scope="module")
def script(module_site: Path):
    names = []
    for n, example in enumerate(SHARED):
        write_files(module_site, example)
        names.append(f"example{n}")
        (module_site / f"example{n}.py").write_text(example.script.removesuffix(SIMPLE))
    source = f"import {', '.join(names)}\n"
    with running_script(module_site, source) as running:
        yield running
        assert not running.log.has("takes the place of"), "two examples have one path"


@pytest.mark.parametrize("example", SHARED, ids=lambda example: example.page)
def test_examples_that_share_a_server(script: Script, example: Example):
    check(example, script, {8008: script.port})


#: Begins a script: its ports have numbers that are free, and each says which one it has instead of
#: the guide's.
FREE_PORTS = """
import hwebserver

def take_free_ports(server, run, set_settings):
    numbers = {}

    def set_free(self, settings, port_name=""):
        if settings.get("PORT"):
            numbers[port_name] = settings["PORT"]
            settings = {**settings, "PORT": 0}
        set_settings(self, settings, port_name)

    def run_free(self, port=8008, *args, port_callback=None, **kwargs):
        def announce(name, number):
            # in one piece: threads that print at once mix theirs
            print(f"port {numbers.get(name, port)} {number}\\n", end="", flush=True)

        run(self, 0, *args, port_callback=announce, **kwargs)

    server.run, server.setSettingsForPort = run_free, set_free
    hwebserver.run = hwebserver._default.run
    hwebserver.setSettingsForPort = hwebserver._default.setSettingsForPort

take_free_ports(hwebserver.Server, hwebserver.Server.run, hwebserver.Server.setSettingsForPort)
"""


@pytest.fixture(scope="module")
def start(module_site: Path):
    """Starts an example; they are all told to end at once, as Apache takes a second for that."""
    with ExitStack() as stack:
        started: list[Script] = []
        numbers = count()

        def start(example: Example) -> Script:
            directory = module_site / f"alone{next(numbers)}"
            directory.mkdir()
            write_files(directory, example)
            source = FREE_PORTS + example.script
            running = running_script(directory, source, run=None, first="8008")
            started.append(stack.enter_context(running))
            return started[-1]

        yield start
        for script in started:
            script.process.terminate()
        for script in started:
            assert script.wait() == 0, script.log.lines


@pytest.mark.parametrize("example", ALONE, ids=lambda example: example.page)
def test_examples_with_servers_of_their_own(start: Callable[[Example], Script], example: Example):
    script = start(example)
    for number in set(NUMBER.findall(example.script)):
        script.wait_for_port(number)
    numbers = {int(name): number for name, number in script.ports.items()}
    check(example, script, numbers)
    if "hwebserver.requestShutdown()" in example.script:
        assert script.wait() == 0
        assert "The server has ended." in script.output


def test_the_script_in_the_readme(tmp_site: Path):
    (text,) = (each.text for each in blocks(ROOT / "README.md") if SIMPLE in each.text)
    (tmp_site / "static").mkdir()
    (tmp_site / "static/a.txt").write_text("a")
    with running_script(tmp_site, text.removesuffix(SIMPLE)) as script:
        assert script.text("/hello?name=Ann") == "Hello, Ann!"
        assert script.text("/static/a.txt") == "a"


def test_every_public_name_has_its_page():
    pages = {page.stem.removesuffix("_class") for page in (DOCS / "hwebserver").glob("*.md")}
    functions = {name for name in hwebserver.__all__ if name not in MEMBERS}
    assert functions <= pages
    index = (DOCS / "hwebserver/index.md").read_text()
    assert all(f"`{name}`" in index for name in functions)


#: Of enumerations, on the pages of these.
MEMBERS = {
    name
    for enumeration in (hwebserver.webServerSeverity, hwebserver.webServerVerbosity)
    for name in enumeration.__members__
}


def test_members_of_enumerations_are_described():
    for enumeration in (hwebserver.webServerSeverity, hwebserver.webServerVerbosity):
        page = (DOCS / f"hwebserver/{enumeration.__name__}.md").read_text()
        assert all(f"| `{name}` |" in page for name in enumeration.__members__)


@pytest.mark.parametrize("name", ["Request", "Response", "UploadedFile", "URLHandler"])
def test_every_method_is_described(name: str):
    suffix = "_class" if name == "URLHandler" else ""
    page = (DOCS / f"hwebserver/{name}{suffix}.md").read_text()
    inner = {
        "answer",
        "check_length",
        "prepare",
        "close",
        "write",
        "rewind",
        "send",
    }  # not for handlers
    methods = {each for each in vars(getattr(hwebserver, name)) if not each.startswith("_")}
    described = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", page))
    assert methods - inner - {"outbox", "is_answered"} <= described
