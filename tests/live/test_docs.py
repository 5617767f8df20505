"""The guide's examples: its files are served, and its curl commands get what is printed there."""

import re
import shlex
from argparse import ArgumentParser, Namespace
from base64 import b64encode
from http import HTTPStatus
from pathlib import Path

import pytest
from support.guide import PAGES, Block, blocks, page_name
from support.site import Site

ADDRESS = "http://127.0.0.1:8008/"
EXAMPLES = [page for page in PAGES if any(block.files for block in blocks(page))]

_curl = ArgumentParser("curl", exit_on_error=False)
_curl.add_argument("-i", action="store_true")
_curl.add_argument("-X", default="")
_curl.add_argument("-H", action="append", default=[])
_curl.add_argument("-u", default="")
_curl.add_argument("-d", default="")
_curl.add_argument("-F", default="")
_curl.add_argument("url")


def form(path: Path, field: str) -> tuple[bytes, str]:
    """Body and content type of a multipart form with one file, by curl's ``name=@file``."""
    name, _, file = field.partition("=@")
    head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'
    return head.encode() + (path / file).read_bytes() + b"\r\n--xyz--\r\n", "boundary=xyz"


def curl(site: Site, arguments: Namespace) -> list[str]:
    """What curl would print."""
    headers = dict(header.split(": ", 1) for header in arguments.H)
    body = arguments.d.encode() or None
    if body is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    if arguments.u:
        headers["Authorization"] = f"Basic {b64encode(arguments.u.encode()).decode()}"
    if arguments.F:
        body, parameter = form(site.path, arguments.F)
        headers["Content-Type"] = f"multipart/form-data; {parameter}"
    method = arguments.X or ("POST" if body is not None else "GET")
    answer = site.request(method, arguments.url.removeprefix(ADDRESS), body, headers)
    lines = answer.text.splitlines()
    if not arguments.i:
        return lines
    status = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"
    return [status, *(f"{name}: {value}" for name, value in answer.headers.items()), "", *lines]


def is_shown(line: str, shown: str) -> bool:
    """Whether *line* is what the guide shows, where ``...`` stands for anything."""
    return re.fullmatch(re.escape(shown).replace(re.escape("..."), ".*"), line) is not None


def check(command: str, printed: list[str], shown: list[str]) -> None:
    """All lines are as shown; with a line ``...`` it may be some of them."""
    if "..." in shown:
        matched = [line for line in shown if any(is_shown(each, line) for each in printed)]
        assert matched == shown, (command, printed)
    else:
        assert len(printed) == len(shown), (command, printed)
        assert all(map(is_shown, printed, shown)), (command, printed)


def commands(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines shown below it."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def is_handler(block: Block) -> bool:
    return block.language == "python" and "class RequestHandler" in block.text


@pytest.mark.parametrize("page", EXAMPLES, ids=page_name)
def test_examples(site: Site, page: Path):
    site.log.allow("")  # some examples fail, and say so
    found = blocks(page)
    for block in found:
        for name in block.files:
            site.write(name, block.text)
    asked: list[str] = []
    for block in found:
        for command, shown in commands(block.text) if block.language == "console" else ():
            program, *arguments = shlex.split(command)
            assert program == "curl"
            parsed = _curl.parse_args(arguments)
            assert parsed.url.startswith(ADDRESS)
            asked.append(parsed.url.removeprefix(ADDRESS))
            check(command, curl(site, parsed), shown)
    handlers = [Path(name).stem for block in found if is_handler(block) for name in block.files]
    assert all(any(name in url for url in asked) for name in handlers), (handlers, asked)
