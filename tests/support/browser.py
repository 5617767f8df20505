"""Pages of the tests' own in headless Chromium."""

import html
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

_RESULT = re.compile(r'<pre id="result">(.*?)</pre>', re.DOTALL)


@contextmanager
def served_page(page: bytes) -> Iterator[int]:
    """The port of a server of this machine that answers every GET with *page*."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def shown(url: str) -> str:
    """What the page at *url* has written into its element "result" when its scripts have ended.

    Without Chromium the test is left out, but not in CI.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        assert "CI" not in os.environ, "chromium is missing; setup/packages.sh test installs it"
        pytest.skip("chromium is missing")
    with tempfile.TemporaryDirectory(prefix="httpdapy-test-") as profile:
        done = subprocess.run(
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
                f"--user-data-dir={profile}",
                "--virtual-time-budget=20000",
                "--dump-dom",
                url,
            ],
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
    found = _RESULT.search(done.stdout)
    assert found, (done.stdout, done.stderr[-2000:])
    return html.unescape(found[1])
