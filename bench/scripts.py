"""The work of scripts that call hwebserver.run(), beside what does the same without it."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from . import BenchError
from .bench import HELLO, Bench, turns
from .contenders import OTHERS, OURS, UVICORN, mod_wsgi_express
from .echoes import round_trips
from .load import Spread, warm
from .report import Goal, at_least, at_most
from .servers import Server, Setting, apache, directory, started

_SITES = Path(__file__).parent / "sites"
#: A call of the API function echo, as webapiclient makes it, and the script for wrk that does.
CALL = "json=%5B%22echo%22%2C%5B%5D%2C%7B%22text%22%3A%22Hello%22%7D%5D"
POST_CALL = f"""
wrk.method = "POST"
wrk.body = "{CALL}"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
"""


@contextmanager
def script(page: str, setting: Setting, name: str = "hello.py") -> Iterator[Server]:
    """The script of that name, run by Python, which answers at *page*."""
    with directory() as root:
        site = shutil.copytree(_SITES / "hwebserver", root / "site")

        def command(port: int) -> list[str | Path]:
            workers = [str(port), str(setting.processes), str(setting.threads), setting.kind]
            return ["env", f"--chdir={site}", sys.executable, name, *workers]

        with started(command, root=root, page=page) as server:
            yield server


@contextmanager
def alias(page: str, setting: Setting) -> Iterator[Server]:
    """Files by Apache's own Alias."""
    with directory() as root:
        (root / "site").mkdir()
        files = shutil.copytree(_SITES / "hwebserver" / "files", root / "files")
        lines = (
            f'Alias "/static" "{files}"\n<Directory "{files}">\nRequire all granted\n</Directory>'
        )
        with apache(root, setting, lines, page=page) as server:
            yield server


def url_handlers(bench: Bench) -> None:
    """A short string by a handler, and by a WSGI application with as many threads."""
    setting = Setting("event", 1, 4)
    contenders = {
        (OURS.name, setting): script("hello", setting),
        ("bare mod_wsgi-express", setting): mod_wsgi_express("hello", setting),
    }
    work = "hello of a urlHandler, one process of 4 threads, 8 connections"
    _compare(bench, work, contenders, HELLO, at_least(0.85))


def static_files(bench: Bench) -> None:
    """A file by registerStaticFilesDirectory(), and by Alias."""
    setting = Setting("event", 1, 16)
    page = "static/hello.html"
    contenders = {
        (OURS.name, setting): script(page, setting),
        ("Apache's Alias", setting): alias(page, setting),
    }
    work = "file of registerStaticFilesDirectory, 8 connections"
    _compare(bench, work, contenders, HELLO, at_least(0.95))


def api_calls(bench: Bench) -> None:
    """A call of an API function, and of one that Flask has, in two processes each."""
    flask, *_ = (each for each in OTHERS if each.name == "gunicorn + Flask")
    if not bench.present([flask]):
        return
    ours, theirs = Setting("event", 2, 4), Setting("sync", 2)
    contenders = {
        (OURS.name, ours): script("api", ours),
        (flask.name, theirs): flask.start("api", theirs),
    }
    work = "API call of echo, two processes, 8 connections"
    _compare(bench, work, contenders, b'"Hello"', at_least(1), CALL, POST_CALL)


def live(bench: Bench) -> None:
    """A short string by a handler in the background, and by Starlette behind uvicorn, both in one
    process: of a plain function, which both run on threads, and of an async one."""
    others = bench.present(each for each in OTHERS if each.name == UVICORN)
    ours, theirs = Setting("background", 1, 4), Setting("workers", 1)
    for page, kind in (("plain", "a plain function"), ("hello", "an async function")):
        for other in others:
            contenders = {
                (OURS.name, ours): script(page, ours, "live.py"),
                (other.name, theirs): other.start(page, theirs),
            }
            work = f"hello in the background, {kind}, 8 connections"
            _compare(bench, work, contenders, HELLO, at_least(0.9))


def websockets(bench: Bench) -> None:
    """Texts that a WebSocket sends back, through Apache from both ways of run(), and by uvicorn
    without it."""
    background, foreground = Setting("background", 1, 4), Setting("event", 1, 4)
    theirs = Setting("workers", 1)
    for other in bench.present(each for each in OTHERS if each.name == UVICORN):
        for ours, where in ((background, "background"), (foreground, "foreground")):
            work = f"round trips of a WebSocket in the {where}, 8 connections"
            with script("echo", ours, "live.py") as here, other.start("echo", theirs) as there:
                servers = {(OURS.name, ours): here, (other.name, theirs): there}

                def take(server: Server) -> float:
                    return round_trips(server.url, connections=8, seconds=bench.seconds)

                figures = bench.figures(work, turns(servers, take), "round trips/s")
                bench.compare(work, figures, {other.name: at_least(0.7)})


def _compare(
    bench: Bench,
    work: str,
    contenders: dict[tuple[str, Setting], AbstractContextManager[Server]],
    answer: bytes,
    goal: Goal,
    form: str = "",
    load: str = "",
) -> None:
    """A row of ours over the other one's rate.

    form, load: what is posted, once and by wrk; else it is a GET.
    """
    with ExitStack() as stack:
        servers = {key: stack.enter_context(start) for key, start in contenders.items()}
        for server in servers.values():
            got = server.get(server.page, form)
            if got.strip() != answer.strip():
                raise BenchError(f"{server.url} answers {got[:80]!r}")
        warm((server.url for server in servers.values()), load)
        figures = bench.figures(work, turns(servers, lambda server: bench.rate(server, 8, load)))
        bench.compare(work, figures, {name: goal for name, _ in servers})


def run_startup(bench: Bench) -> None:
    """From the start of Python to the first answer of a script."""
    setting = Setting("event", 1, 4)
    work = "time until a script that calls run() answers"
    taken_s = []
    for _ in range(bench.rounds):
        with script("hello", setting) as server:
            taken_s.append(server.start_up_s)
    bench.note(work, OURS.name, setting, taken_s, "s")
    bench.row(work, "-", Spread.of(taken_s), at_most(1), "s")
