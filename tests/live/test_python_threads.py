"""PythonThreads: how many requests run in Python at once, and that none is lost meanwhile."""

import http.client
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from support.httpd import Httpd, configtest
from support.script import Script, running_script
from support.site import at_once, wait_for

SOURCE = """
import os
import threading

import hwebserver

both = threading.Barrier(2, timeout=30)
lock = threading.Lock()
running = most = 0

@hwebserver.urlHandler("/quick")
def quick(request):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    body = request.body()
    with lock:
        running -= 1
    return hwebserver.Response(body)

@hwebserver.urlHandler("/most")
def tell(request):
    return hwebserver.Response(str(most))

@hwebserver.urlHandler("/meet")
def meet(request):
    both.wait()
    return hwebserver.Response("met")

@hwebserver.urlHandler("/wait")
def wait(request):
    print("waiting", flush=True)
    while not os.path.exists("over"):
        threading.Event().wait(0.01)
    return hwebserver.Response("waited")

hwebserver.registerStaticFilesDirectory("static")
"""


@pytest.fixture(scope="module")
def script(module_site: Path):
    static = module_site / "static"
    static.mkdir()
    static.chmod(0o755)
    (static / "file.txt").write_text("static")
    (static / "file.txt").chmod(0o644)
    with running_script(module_site, SOURCE, run="max_num_threads=2") as running:
        yield running


def test_so_many_run_at_once(script: Script):
    assert at_once([lambda: script.text("/meet")] * 2) == ["met", "met"]


def test_no_request_on_a_kept_connection_is_lost(script: Script):
    """Of more clients than run at once."""

    def ask() -> set[bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", script.port, timeout=30)) as client:
            found = set()
            for _ in range(50):
                client.request("POST", "/quick", b"body")
                found.add(client.getresponse().read())
            return found

    assert at_once([ask] * 12) == [{b"body"}] * 12
    assert script.text("/most") in ("1", "2")


def test_others_wait_and_files_are_sent(script: Script):
    answers: list[str] = []
    threads = [Thread(target=lambda: answers.append(script.text("/wait"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for("two requests in Python", lambda: script.output.count("waiting") == 2)
    assert script.text("/static/file.txt") == "static"
    assert script.output.count("waiting") == 2
    (script.directory / "over").touch()
    for thread in threads:
        thread.join()
    assert answers == ["waited"] * 3


def test_what_a_request_leads_to_has_its_turn(tmp_site: Path):
    page = (
        "import httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n    def Content(self):\n"
    )
    (tmp_site / "first.py").write_text(f"{page}        self.req.internal_redirect('/second.py')\n")
    (tmp_site / "second.py").write_text(f"{page}        return 'second'\n")
    with Httpd(tmp_site, "PythonThreads 1") as httpd:
        assert [httpd.text("first.py") for _ in range(3)] == ["second"] * 3


@pytest.mark.parametrize("value", ["0", "-1", "20001", "x", "4x", "99999999999999999999"])
def test_numbers(tmp_site: Path, value: str):
    status, output = configtest(tmp_site, f"PythonThreads {value}")
    assert status != 0
    assert f"PythonThreads takes a number from 1 to 20000, not '{value}'" in output


@pytest.mark.parametrize("section", ["Directory /", "VirtualHost *:8008"])
def test_where_it_stands(tmp_site: Path, section: str):
    end = section.partition(" ")[0]
    status, output = configtest(tmp_site, f"<{section}>\nPythonThreads 4\n</{end}>")
    assert status != 0 and f"within <{end}" in output.replace("not allowed in", "within")
