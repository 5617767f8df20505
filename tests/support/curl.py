"""The guide's console blocks: their curl commands get what is printed there."""

import re
import shlex
from argparse import ArgumentParser, Namespace
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from .site import Answer

#: Where the guide's servers are.
ADDRESS = re.compile(r"http://127[.]0[.]0[.]1:(\d+)/")

#: Asks a server: its port in the guide, method, path without the first slash, body and headers.
Ask = Callable[[int, str, str, bytes | None, dict[str, str]], Answer]

_curl = ArgumentParser("curl", exit_on_error=False)
_curl.add_argument("-i", action="store_true")
_curl.add_argument("-X", default="")
_curl.add_argument("-H", action="append", default=[])
_curl.add_argument("-u", default="")
_curl.add_argument("-d", default="")
_curl.add_argument("-F", action="append", default=[])
_curl.add_argument("url")


def form(path: Path, fields: list[str]) -> tuple[bytes, str]:
    """Body and content type of a multipart form, by curl's ``name=value`` and ``name=@file``."""
    body = b""
    for field in fields:
        name, _, value = field.partition("=")
        head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"'
        content = value.encode()
        if value.startswith("@"):
            head += f'; filename="{Path(value[1:]).name}"'
            content = (path / value[1:]).read_bytes()
        body += f"{head}\r\n\r\n".encode() + content + b"\r\n"
    return body + b"--xyz--\r\n", "boundary=xyz"


def curl(ask: Ask, path: Path, arguments: Namespace) -> list[str]:
    """What curl would print, its files being below *path*."""
    headers = dict(header.split(": ", 1) for header in arguments.H)
    body = arguments.d.encode() or None
    if body is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    if arguments.u:
        headers["Authorization"] = f"Basic {b64encode(arguments.u.encode()).decode()}"
    if arguments.F:
        body, parameter = form(path, arguments.F)
        headers["Content-Type"] = f"multipart/form-data; {parameter}"
    method = arguments.X or ("POST" if body is not None else "GET")
    address = ADDRESS.match(arguments.url)
    assert address is not None, arguments.url
    answer = ask(int(address[1]), method, arguments.url[address.end() :], body, headers)
    lines = answer.text.splitlines()
    if not arguments.i:
        return lines
    status = f"HTTP/1.1 {answer.status} {answer.reason}"
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


def check_console(text: str, ask: Ask, path: Path) -> list[str]:
    """Check the commands of a block; the URLs they ask for, from the path on."""
    asked = []
    for command, shown in commands(text):
        program, *arguments = shlex.split(command)
        assert program == "curl"
        parsed = _curl.parse_args(arguments)
        asked.append(ADDRESS.sub("", parsed.url))
        check(command, curl(ask, path, parsed), shown)
    return asked
