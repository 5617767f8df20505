"""Pages of the tests' own in headless Chromium."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue

from .programs import ENVIRONMENT, program

_DEADLINE_S = 40.0


class Page:
    """A page that a server of this machine gives for every path.

    Its script has to send its result by POST to its own origin.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.results: SimpleQueue[str] = SimpleQueue()

    def result_in_browser(self, url: str) -> str:
        """What the page, loaded by *url*, sends as its result."""
        chromium = program("chromium")
        with tempfile.TemporaryDirectory(
            prefix="httpdapy-test-", ignore_cleanup_errors=True
        ) as profile:
            process = subprocess.Popen(
                [
                    chromium,
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--no-first-run",
                    "--enable-logging=stderr",
                    f"--user-data-dir={profile}",
                    url,
                ],
                env={**ENVIRONMENT, "TMPDIR": profile},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                text=True,
            )
            try:
                return self.results.get(timeout=_DEADLINE_S)
            except Empty:
                os.killpg(process.pid, signal.SIGKILL)
                said = process.communicate()[1]
                raise AssertionError(f"the page sent nothing:\n{said[-3000:]}") from None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)  # its own session: all of it, only it
                process.communicate()


@contextmanager
def served(html: str) -> Iterator[Page]:
    """Serve a page."""
    body = html.encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body)

        def do_POST(self) -> None:
            page.results.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._answer(b"")

        def _answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        page = Page(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield page
        finally:
            server.shutdown()
            thread.join()
