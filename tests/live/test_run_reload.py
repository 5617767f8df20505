"""run(reload_source_changes=True): changed sources restart the server, and no request is lost."""

import threading

import pytest
from support.script import running_script
from support.site import wait_for

#: Nothing here depends on the way into Python.
ONE_WAY = True

SCRIPT = """
import os
import hwebserver
import helper

@hwebserver.urlHandler("/text")
def text(request):
    return hwebserver.Response(helper.TEXT)

@hwebserver.urlHandler("/pid")
def pid(request):
    return hwebserver.Response(str(os.getpid()))

@hwebserver.urlHandler("/late")
def late(request):
    import late
    return hwebserver.Response(late.TEXT)
"""
RUN = "reload_source_changes=True"


def write(directory, name, text):
    """As an editor does: a new file renamed over the old."""
    new = directory / f"{name}.tmp"
    new.write_text(text)
    new.chmod(0o644)
    new.replace(directory / name)


def edit(script, before, after):
    """Change the script itself."""
    file = script.directory / "script.py"
    write(script.directory, "script.py", file.read_text().replace(before, after))


def answers(script, path, text):
    wait_for(f"{text!r} at {path}", lambda: script.get(path).text == text)


@pytest.fixture
def directory(tmp_site):
    write(tmp_site, "helper.py", "TEXT = 'first'")
    write(tmp_site, "late.py", "TEXT = 'late'")
    return tmp_site


def test_edits(directory):
    with running_script(directory, SCRIPT, run=RUN) as script:
        assert script.text("/text") == "first"
        write(directory, "helper.py", "TEXT = 'second'")
        answers(script, "/text", "second")
        edit(script, "helper.TEXT", "helper.TEXT + '!'")
        answers(script, "/text", "second!")
        assert script.text("/late") == "late"
        before = script.text("/pid")

        def is_restarted() -> bool:
            write(
                directory, "late.py", "TEXT = 'later'"
            )  # again, until it is known that it matters
            return script.text("/pid") != before

        wait_for("a restart", is_restarted)
        assert script.text("/late") == "later"


def test_new_routes_and_mounts_and_settings(directory):
    (directory / "static").mkdir()
    write(directory / "static", "file.txt", "a file")
    with running_script(directory, SCRIPT, run=RUN) as script:
        assert script.get("/static/file.txt").status == 404
        edit(
            script,
            "import helper\n",
            "import helper\n"
            "hwebserver.registerStaticFilesDirectory('static')\n"
            "hwebserver.setSettingsForPort({'ALLOWED_HOSTS': ['127.0.0.1']}, 'main')\n"
            "@hwebserver.urlHandler('/new')\n"
            "def new(request):\n    return hwebserver.Response('new')\n",
        )
        answers(script, "/static/file.txt", "a file")
        assert script.text("/new") == "new"
        assert script.get("/new", Host="other.example").status == 400


def test_a_settings_file(directory):
    write(directory, "settings.py", "")
    with running_script(directory, SCRIPT, run=f"{RUN}, settings='settings.py'") as script:
        assert script.get("/text", Host="other.example").status == 200
        write(directory, "settings.py", "ALLOWED_HOSTS = ['127.0.0.1']")
        wait_for("the setting", lambda: script.get("/text", Host="other.example").status == 400)
        assert script.text("/text") == "first"


def test_settings_that_apache_does_not_take(directory):
    with running_script(directory, SCRIPT, run=RUN) as script:
        setting = "hwebserver.setSettingsForPort({'SSL_CERTIFICATE': 'missing.pem'}, '')\n"
        script.log.expect("the changed settings are not in force: ")
        edit(script, "import helper\n", f"import helper\n{setting}")
        script.wait_for_log("the changed settings are not in force: the setting SSL_CERTIFICATE")
        write(directory, "helper.py", "TEXT = 'second'")
        edit(script, setting, "")
        answers(script, "/text", "second")


@pytest.mark.parametrize(
    ("broken", "error"),
    [("TEXT = 1 / 0", "ZeroDivisionError"), ("TEXT = ", "SyntaxError"), ("exit()", "SystemExit")],
)
def test_a_broken_edit(directory, broken, error):
    with running_script(directory, SCRIPT, run="debug=True") as script:
        script.log.allow("")
        assert script.text("/text") == "first"
        write(directory, "helper.py", broken)
        wait_for("the error", lambda: script.get("/text").status == 500)
        page = script.request("GET", "/text", headers={"Accept": "text/html"})
        assert error in page.text and "helper.py" in page.text
        again = script.request("GET", "/text", headers={"Accept": "text/html"})
        assert again.text.count("helper.py") == page.text.count("helper.py")
        write(directory, "helper.py", "TEXT = 'second'")
        answers(script, "/text", "second")


def test_a_broken_edit_without_debug(directory):
    with running_script(directory, SCRIPT, run=RUN) as script:
        script.log.allow("")
        write(directory, "helper.py", "TEXT = 1 / 0")
        wait_for("the error", lambda: script.get("/text").status == 500)
        assert "ZeroDivisionError" not in script.get("/text").text
        script.wait_for_log("ZeroDivisionError")
        write(directory, "helper.py", "TEXT = 'second'")
        answers(script, "/text", "second")


def test_a_missing_module_that_comes(directory):
    with running_script(directory, SCRIPT, run=RUN) as script:
        script.log.allow("")
        edit(script, "import helper\n", "import helper, missing\n")
        wait_for("the error", lambda: script.get("/text").status == 500)
        write(directory, "missing.py", "")
        answers(script, "/text", "first")


@pytest.mark.parametrize("processes", [1, 2])
def test_no_request_is_lost(directory, processes):
    """While sources change all the time, each of many requests is answered."""
    with running_script(directory, SCRIPT, run=f"{RUN}, processes={processes}") as script:
        bad: list = []
        is_over = threading.Event()

        def ask() -> None:
            while not is_over.is_set():
                try:
                    answer = script.get("/text")
                    if answer.status != 200:
                        bad.append(answer)
                except OSError as error:
                    bad.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(3):
            write(directory, "helper.py", f"TEXT = '{number}'")
            for _ in range(processes):
                answers(script, "/text", str(number))
        is_over.set()
        for thread in threads:
            thread.join()
        assert bad == []


def test_a_slow_request_outlives_a_restart(directory):
    source = (
        SCRIPT
        + """
@hwebserver.urlHandler("/wait")
def wait(request):
    import time
    open(os.environ["TMPDIR"] + "/begun", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
    return hwebserver.Response(helper.TEXT)
"""
    )
    with running_script(directory, source, run=RUN) as script:
        waited: list = []
        waiting = threading.Thread(target=lambda: waited.append(script.text("/wait")))
        waiting.start()
        wait_for("the request", (script.temporary / "begun").exists)
        write(directory, "helper.py", "TEXT = 'second'")
        answers(script, "/text", "second")
        (directory / "go").touch()
        waiting.join()
        assert waited == ["first"]
        (script.temporary / "begun").unlink()
