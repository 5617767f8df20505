"""Hours in minutes, not part of the test suite: restarts under load, memory over many requests, and
WebSockets on which nothing is said.

``make soak``; ``make soak ARGS="--restarts 10 --requests 20000"`` is a short one.  Each part says
what it found; any crash, error in the log, failed request or growth ends it with status 1.
"""

import argparse
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from live.test_processes import MPMS, SLOW, Load, children
from live.test_websocket_connections import memory as processes_kib
from support import script
from support.httpd import Httpd
from support.site import wait_for
from support.websocket import TEXT, Client, frame

#: What resident memory may grow by over the requests, in KiB, once it has settled.
GROWTH_KIB = 1024
PAGE = """
import gc, httpdapi, sys, threading, time
class RequestHandler(httpdapi.RequestHandler):
    content_type = 'text/plain'
    def Content(self):
        r = self.req
        match r.args:
            case 'refs':
                gc.collect()
                return str(getattr(sys, 'gettotalrefcount', lambda: 0)())
            case 'facts':
                r.environment, r.headers_in['Host'], r.uri, r.unparsed_uri, r.user, r.read()
                r.headers_out.add('X', 'y')
                return str(self.form_data())
            case 'stream':
                return iter(['a', 'b', 'c'])
            case 'print':
                self.hook_stdout()
                threading.Thread(target=print, args=['thread']).start()
                print('x' * 20_000)
                print('soon')
                time.sleep(.012)
                print('end')
            case 'error':
                raise httpdapi.SERVER_RETURN if hasattr(httpdapi, 'SERVER_RETURN') else KeyError(1)
        return 'Hello'
"""

ECHO = """
import hwebserver
@hwebserver.webSocket('/echo')
class Echo(hwebserver.WebSocket):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data)
"""


@contextmanager
def site() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="httpdapy-soak-") as name:
        root = Path(name).resolve()
        for directory in ("a", "b"):
            (root / directory).mkdir(parents=True)
            (root / directory / "page.py").write_text(PAGE)
            (root / directory / "pid.py").write_text(SLOW)
        for path in (root, root / "a", root / "b"):
            path.chmod(0o755)
        yield root


def restarts(mpm: str, number: int) -> None:
    """Graceful restarts while clients ask."""
    with site() as root, Httpd(root, "PythonReplicas 2", mpm=mpm) as httpd:
        with Load(httpd.port, "/a/pid.py", 4) as a, Load(httpd.port, "/b/pid.py", 4) as b:
            for _ in range(number):
                before = set(children(httpd))
                a.more(20)
                httpd.process.send_signal(signal.SIGUSR1)
                wait_for("new processes", lambda: set(children(httpd)) - before, 60)  # noqa: B023
            b.more(20)
        assert not a.failures + b.failures, (a.failures + b.failures)[:10]
    print(f"{mpm}: {number} graceful restarts, {a.answers + b.answers} answers, none failed")


def resident_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])


def ask(port: int, path: str, number: int, clients: int = 4) -> None:
    """*number* requests, over connections that are kept as long as the server keeps them."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    def some(left: int) -> None:
        while left:
            with socket.create_connection(("127.0.0.1", port), 60) as connection:
                answered = 0
                while left and (answer := exchange(connection)):
                    assert answer.startswith(b"HTTP/1.1 "), answer
                    answered += 1
                    left -= 1
                assert answered, "a new connection was closed without an answer"

    def exchange(connection: socket.socket) -> bytes:
        answer = b""
        try:
            connection.sendall(request)
            while not answer.endswith((b"Hello", b"0\r\n\r\n", b"{}", b"</html>\n")):
                if not (piece := connection.recv(65536)):
                    break
                answer += piece
        except ConnectionError:
            assert not answer
        return answer

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(some, [number // clients] * clients))


def memory(way: str, path: str, number: int) -> None:
    """Resident memory, and in a debug build of Python references, over many requests."""
    sections = f"PythonOption direct {int(way == 'direct')}\nThreadsPerChild 8\nMaxRequestWorkers 8"
    with site() as root, Httpd(root, f"{sections}\nServerLimit 1\nMinSpareThreads 1") as httpd:
        httpd.log.allow("page.py")
        ask(httpd.port, f"/a/{path}", max(10_000, number))
        [pid] = children(httpd)
        before, refs = resident_kib(pid), int(httpd.text("a/page.py?refs"))
        ask(httpd.port, f"/a/{path}", number)
        assert children(httpd) == [pid]
        grown, more = resident_kib(pid) - before, int(httpd.text("a/page.py?refs")) - refs
    print(f"{way} {path}: {number} requests, {grown:+} KiB, {more:+} references")
    assert grown < GROWTH_KIB
    # mod_wsgi, where it is compiled for an ordinary Python, does not count in a debug build
    assert more < 100 or way == "wsgi"


def sockets(where: str, number: int) -> None:
    """Memory over many WebSockets, some at a time, with messages of all sizes."""
    script.in_background = where == "background"

    def some(server: script.Script, count: int) -> None:
        for _ in range(-(-count // 50)):
            clients = [Client(server.port, "/echo") for _ in range(50)]
            for size in (1, 1000, 100_000):
                for client in clients:
                    assert client.text("x" * size) == "x" * size
            for client in clients:
                client.close()

    with site() as root, script.running_script(root, ECHO) as server:
        some(server, max(3000, number))
        before = processes_kib(server)
        some(server, number)
        grown = processes_kib(server) - before
    print(f"{where}: {number} WebSockets, {grown:+} KiB")
    assert grown < GROWTH_KIB


def idle(seconds: float, number: int = 8) -> None:
    """WebSockets on which there are only pings, longer than any of Apache's timeouts, in both ways
    of run()."""
    with site() as root, ExitStack() as stack:
        clients = []
        for script.in_background, name in ((False, "a"), (True, "b")):
            server = stack.enter_context(script.running_script(root / name, ECHO))
            for _ in range(number):
                clients.append(Client(server.port, "/echo", timeout_s=seconds + 60))
                stack.callback(clients[-1].socket.close)
        pool = stack.enter_context(ThreadPoolExecutor(len(clients)))
        answers = [pool.submit(client.message) for client in clients]
        time.sleep(seconds)
        for client in clients:
            client.send(frame(TEXT, b"still here"))
        assert {answer.result().data for answer in answers} == {b"still here"}
    print(f"{len(clients)} WebSockets, idle for {seconds:g} s: all alive")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restarts", type=int, default=100, help="over all MPMs")
    parser.add_argument("--requests", type=int, default=100_000, help="of each kind")
    parser.add_argument("--idle", type=float, default=150, help="seconds of an idle WebSocket")
    arguments = parser.parse_args()
    for mpm in MPMS:
        restarts(mpm, -(-arguments.restarts // len(MPMS)))
    for way in ("direct", "wsgi"):
        memory(way, "page.py", arguments.requests)
        for kind in ("facts", "stream", "print", "error"):
            memory(way, f"page.py?{kind}", arguments.requests // 10)
    for where in ("foreground", "background"):
        sockets(where, arguments.requests // 20)
    idle(arguments.idle)


if __name__ == "__main__":
    main()
