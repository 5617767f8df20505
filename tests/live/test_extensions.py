"""Extensions that refuse sub-interpreters, daemon threads, fork: the error says what helps."""

import sys

import pytest
from support.site import Site, running_server

OWN_GIL = sys.version_info >= (3, 12)
HELP = "'PythonInterpreter main_interpreter' into {path}/.htaccess"


@pytest.fixture
def fresh():
    """A process of its own: these modules remember who imported them first."""
    with running_server() as server:
        yield server
        server.settle()
        server.log.check()


@pytest.mark.parametrize(
    ("module", "package"),
    [("numpy", "numpy"), ("lxml.etree", "lxml"), ("pydantic_core", "pydantic_core")],
)
def test_extension_that_refuses(fresh, module: str, package: str):
    first, second = Site(fresh, "first"), Site(fresh, "second")
    for each in (first, second):
        each.htaccess("PythonOption debug 1")
        each.handler("page.py", f"{module}.__name__", f"import {module}")
    first.log.allow("UserWarning: NumPy was imported from a Python sub-interpreter")
    first.log.allow("first/page.py]")
    answers = [each.get("page.py", Accept="text/plain") for each in (first, second)]
    if OWN_GIL:
        assert answers[0].status == 500
    # on a shared GIL the first interpreter may have it
    assert answers[1].status == 500
    first.log.expect("second/page.py")
    assert f"module {package} does not load in a sub-interpreter" in answers[1].text
    assert HELP.format(path=second.path) in answers[1].text
    assert HELP.format(path=second.path) in first.logged()


@pytest.mark.parametrize("module", ["numpy", "lxml.etree", "pydantic_core"])
def test_extension_in_the_main_interpreter(fresh, module: str):
    for name in ("first", "second"):
        site = Site(fresh, name)
        site.htaccess("PythonInterpreter main_interpreter")
        site.handler("page.py", f"{module}.__name__", f"import {module}")
        assert site.text("page.py") == module


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ("threading.Thread(target=int, daemon=True).start()", "daemon threads do not run"),
        ("(os.fork() or os._exit(0))", "os.fork does not work"),
    ],
    ids=["daemon thread", "fork"],
)
def test_what_sub_interpreters_do_not_have(fresh, action: str, problem: str):
    site = Site(fresh, "d")
    site.handler("page.py", f"{action} and 'forked' or 'done'", "import os, threading")
    if "thread" in action and not OWN_GIL:  # where they do run
        assert site.text("page.py") == "done"
        return
    site.log.expect(f"{problem} in a sub-interpreter")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500
    assert HELP.format(path=site.path) in site.logged()


def test_daemon_thread_in_the_main_interpreter(fresh):
    site = Site(fresh, "d")
    site.htaccess("PythonInterpreter main_interpreter")
    start = "(t := threading.Thread(target=int, daemon=True)).start() or t.join() or 'done'"
    site.handler("page.py", start, "import threading")
    assert site.text("page.py") == "done"


def test_fork_in_the_main_interpreter(fresh):
    site = Site(fresh, "d")
    site.htaccess("PythonInterpreter main_interpreter")
    fork = "(pid := os.fork()) or os._exit(7) or ''"
    site.handler(
        "page.py",
        f"str(os.waitstatus_to_exitcode(os.waitpid(({fork}) and pid, 0)[1]))",
        "import os, warnings\nwarnings.simplefilter('ignore')",
    )
    assert site.text("page.py") == "7"
