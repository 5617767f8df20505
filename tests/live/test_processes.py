"""Apache's processes under Python: their start and end, and what handlers do to them."""

import http.client
import os
import signal
import socket
import threading
from contextlib import closing
from pathlib import Path
from signal import SIGTERM, SIGWINCH

import pytest
from support.httpd import Httpd
from support.site import Site, running_server, wait_for

MPMS = ["event", "worker", "prefork"]
SLOW = """
import httpdapi, os, time
class RequestHandler(httpdapi.RequestHandler):
    content_type = 'text/plain'
    def Content(self):
        if self.req.args == 'slow':
            open('begun', 'w').close()
            end = time.monotonic() + .7
            while time.monotonic() < end:
                sum(range(1000))
        return str(os.getpid())
"""


PRINTING = """
import httpdapi, os, time
class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        self.hook_stdout()
        print('first')
        print('second')
        while not os.path.exists('go'):
            time.sleep(.005)
        for n in range(5):
            print(n)
            time.sleep(.012)
"""


class Load:
    """Clients that ask for a page again and again, each over one connection at a time."""

    def __init__(self, port: int, path: str, clients: int = 6) -> None:
        self.port = port
        self.path = path
        self.answers = 0
        self.pids: set[str] = set()
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as c:
                for n in range(50):
                    if self._stop.is_set():
                        break
                    try:
                        c.request("GET", self.path)
                        answer = c.getresponse()
                        text = answer.read().decode()
                    except (http.client.RemoteDisconnected, ConnectionError) as error:
                        if n == 0:  # a server may close a connection that waits, not a new one
                            self.failures.append(repr(error))
                        break
                    if answer.status != 200:
                        self.failures.append(f"{answer.status} {text}")
                    self.answers += 1
                    self.pids.add(text)
                    if answer.will_close:
                        break

    def more(self, number: int) -> None:
        wanted = self.answers + number
        wait_for(f"{number} more answers", lambda: self.answers >= wanted, 30)


def children(httpd: Httpd) -> list[int]:
    pid = httpd.process.pid
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# ---- the server's doings ------------------------------------------------------------------------


@pytest.mark.parametrize("mpm", MPMS)
def test_graceful_restarts_under_load(tmp_site: Path, mpm: str):
    for name in ("a", "b"):
        (tmp_site / name).mkdir()
        (tmp_site / name / "page.py").write_text(SLOW)
    with Httpd(tmp_site, "PythonReplicas 2", mpm=mpm) as httpd:
        with Load(httpd.port, "/a/page.py", 3) as a, Load(httpd.port, "/b/page.py", 3) as b:
            for _ in range(2):
                a.more(50)
                b.more(50)
                before = set(children(httpd))
                httpd.process.send_signal(signal.SIGUSR1)
                wait_for(
                    "answers of new processes",
                    lambda: set(map(str, set(children(httpd)) - before)) & a.pids,  # noqa: B023
                )
        assert not a.failures + b.failures
        assert len(a.pids) > 2


@pytest.mark.parametrize("mpm", MPMS)
def test_processes_that_end_after_some_connections(tmp_site: Path, mpm: str):
    """Decision 37: with them all their interpreters."""
    (tmp_site / "page.py").write_text(SLOW)
    with Httpd(tmp_site, "MaxConnectionsPerChild 3\nKeepAlive Off", mpm=mpm) as httpd:
        with Load(httpd.port, "/page.py", 4) as load:
            wait_for("several processes", lambda: len(load.pids) >= 4, 30)
        assert not load.failures


@pytest.mark.parametrize("mpm", MPMS)
@pytest.mark.parametrize("stop", [SIGTERM, SIGWINCH])
def test_a_request_in_progress_is_answered_when_the_server_stops(
    tmp_site: Path, mpm: str, stop: signal.Signals
):
    tmp_site.chmod(0o777)
    (tmp_site / "page.py").write_text(SLOW)
    with Httpd(tmp_site, mpm=mpm) as httpd:
        if (mpm, stop) == ("event", SIGTERM):
            # in close_worker_sockets() of 2.4.71, one time in hundreds, with or without Python
            httpd.log.allow("exit signal Segmentation fault")
        httpd.text("page.py")
        with socket.create_connection(("127.0.0.1", httpd.port), 30) as connection:
            connection.sendall(
                b"GET /page.py?slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            wait_for("the handler", (tmp_site / "begun").exists)
            httpd.process.send_signal(stop)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        # told to end at once, the threaded ones close their connections
        assert answer.startswith(b"HTTP/1.1 200 ") or (stop, mpm != "prefork") == (SIGTERM, True)
        assert httpd.process.wait(20) == 0


@pytest.mark.parametrize("mpm", ["event", "prefork"])
def test_a_page_is_printed_to_its_end_when_the_server_stops(tmp_site: Path, mpm: str):
    (tmp_site / "page.py").write_text(PRINTING)
    with Httpd(tmp_site, mpm=mpm) as httpd:
        with closing(http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=30)) as client:
            client.request("GET", "/page.py")
            answer = client.getresponse()
            assert answer.read(13) == b"first\nsecond\n"
            httpd.process.send_signal(SIGWINCH)
            (tmp_site / "go").touch()
            assert answer.read() == b"0\n1\n2\n3\n4\n"
        assert httpd.process.wait(20) == 0


@pytest.mark.parametrize("mpm", MPMS)
def test_killed_while_python_runs(tmp_site: Path, mpm: str):
    tmp_site.chmod(0o777)
    (tmp_site / "page.py").write_text(SLOW)
    with Httpd(tmp_site, mpm=mpm) as httpd:
        first = httpd.text("page.py")
        with socket.create_connection(("127.0.0.1", httpd.port), 30) as connection:
            connection.sendall(b"GET /page.py?slow HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_for("the handler", (tmp_site / "begun").exists)
            for pid in children(httpd):
                os.kill(pid, signal.SIGKILL)
            assert connection.recv(100) == b""
        assert httpd.text("page.py") != first


def test_a_thread_serves_the_main_interpreter_after_others(tmp_site: Path):
    """mod_wsgi would run it in the sub-interpreter that the thread had served last."""
    for name in ("a", "b", "main"):
        (tmp_site / name).mkdir()
        (tmp_site / name / "page.py").write_text(
            "import httpdapi, sys\n"
            "sys.seen = getattr(sys, 'seen', set())\n"
            "class RequestHandler(httpdapi.RequestHandler):\n"
            "    def Content(self):\n"
            "        sys.seen.add(self.req.interpreter)\n"
            "        return repr(sorted(sys.seen))\n"
        )
    (tmp_site / "main/.htaccess").write_text("PythonInterpreter main_interpreter\n")
    with Httpd(tmp_site, "ThreadsPerChild 1\nMaxRequestWorkers 1\nServerLimit 1") as httpd:
        httpd.log.allow("AH10159")  # so few threads
        for _ in range(3):
            assert httpd.text("a/page.py") == repr([str(tmp_site / "a")])
            assert httpd.text("main/page.py") == "['']"
            assert httpd.text("b/page.py") == repr([str(tmp_site / "b")])


# ---- the handlers' doings -----------------------------------------------------------------------

RAISES = [
    "sys.exit(3)",
    "sys.exit()",
    "exit_now()",
    "raise_(KeyboardInterrupt())",
    "raise_(GeneratorExit())",
    "raise_(StopIteration())",
    "raise_(MemoryError())",
    "raise_(BaseException('x'))",
    "raise_(Unprintable())",
    "raise_(ExceptionGroup('x', [ValueError(1), OSError(2)]))",
    "deep()",
    "self.Content()",
    "_thread.exit()",
]
RAISING = """
import httpdapi, os, sys, _thread
def raise_(error): raise error
def exit_now():
    try: sys.exit(1)
    finally: sys.exit(2)
def deep(): return [deep()] + []
class Unprintable(Exception):
    def __str__(self): raise ValueError('no')
    __repr__ = __str__
class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return str(os.getpid()) if self.req.args == 'pid' else %s
"""


@pytest.mark.parametrize("raises", RAISES)
def test_whatever_is_raised_ends_the_request_only(site: Site, raises: str):
    site.write("page.py", RAISING % raises)
    pid = site.text("page.py?pid")
    site.log.expect("page.py")
    for _ in range(2):
        answer = site.get("page.py")
        assert answer.status == 500 and "Internal Server Error" in answer.text
    assert site.text("page.py?pid") == pid


def test_a_handler_that_ends_its_process():
    with running_server(processes=1, threads=4) as server:
        site = Site(server, "x")
        site.handler(
            "page.py", "os._exit(3) if self.req.args == 'end' else str(os.getpid())", "import os"
        )
        pid = site.text("page.py")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            site.get("page.py?end")
        server.log.allow("exit")
        assert site.text("page.py") != pid


def test_interrupt_main_interrupts_nothing(site: Site):
    for where in ("", "main_interpreter"):
        inner = site.sub(f"x{where}")
        if where:
            inner.htaccess(f"PythonInterpreter {where}")
        inner.handler(
            "page.py",
            "(_thread.interrupt_main(), time.sleep(.01), 'on')[2]",
            "import _thread, time",
        )
        assert [inner.text("page.py") for _ in range(3)] == ["on"] * 3


def test_signal_handlers_are_apaches(site: Site):
    """mod_wsgi lets scripts ask for signal handlers and does nothing, so Apache's stay."""
    site.htaccess("PythonInterpreter main_interpreter")
    site.handler("page.py", "repr(signal.signal(signal.SIGTERM, print))", "import signal")
    site.log.allow("page.py")
    site.log.allow("signal")
    assert site.get("page.py").status in (200, 500)
    site.handler("page.py", "'on'")
    assert site.text("page.py") == "on"


def test_threads_of_handlers_share_the_interpreter(site: Site):
    site.handler(
        "page.py",
        "str(sum(pool.map(lambda n: n * n, range(100))))",
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(4)",
    )
    assert {site.text("page.py") for _ in range(20)} == {str(sum(n * n for n in range(100)))}


def test_thread_local_data_stays_with_the_thread():
    with running_server(processes=1, threads=1) as server:
        site = Site(server, "x")
        site.handler(
            "page.py",
            "str(count())",
            "import threading\nlocal = threading.local()\n"
            "def count():\n"
            "    local.n = getattr(local, 'n', 0) + 1\n    return local.n\n",
        )
        assert [site.text("page.py") for _ in range(3)] == ["1", "2", "3"]


def test_context_variables_and_asyncio(site: Site):
    site.handler(
        "page.py",
        "asyncio.run(work(self.req.args))",
        "import asyncio, contextvars\nvar = contextvars.ContextVar('var')\n"
        "async def work(text):\n    var.set(text)\n"
        "    await asyncio.sleep(0)\n    return var.get()\n",
    )
    assert [site.text(f"page.py?{n}") for n in range(3)] == ["0", "1", "2"]


def test_first_requests_at_once(site: Site):
    """All directories and many requests for each, before any interpreter is there."""
    names = [f"n{n}" for n in range(6)]
    for name in names:
        site.sub(name).handler("page.py", "str(id(sys.modules))", "import sys")
    found: dict[str, set[str]] = {name: set() for name in names}
    start = threading.Barrier(len(names) * 4)

    def ask(name: str) -> None:
        start.wait()
        for _ in range(3):
            found[name].add(site.text(f"{name}/page.py"))

    threads = [threading.Thread(target=ask, args=[name]) for name in names * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(texts) for texts in found.values()] == [1] * len(names)
    assert len(set.union(*found.values())) == len(names)


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("return 'child'", 1, "the request is that of the process that has forked this one"),
        ("sys.exit(3)", 3, None),
        ("sys.exit('so it goes')", 1, "so it goes"),
        ("raise ValueError('in the child')", 1, "ValueError: in the child"),
    ],
)
def test_a_forked_process_ends_with_its_handler(end: str, status: int, said: str | None):
    """It neither answers nor goes on as one of Apache's."""
    with running_server(threads=1) as server:
        site = Site(server)
        site.htaccess("PythonInterpreter main_interpreter")
        site.write(
            "page.py",
            "import httpdapi, os, sys, warnings\nwarnings.simplefilter('ignore')\n"
            "class RequestHandler(httpdapi.RequestHandler):\n    def Content(self):\n"
            f"        pid = os.fork()\n        if not pid: {end}\n"
            "        return repr(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n",
        )
        if said is not None:
            server.log.expect(said)
        server.log.allow("Traceback")
        assert site.text("page.py") == repr(status)
