"""PythonInitFunction: start-up code, and one interpreter for all."""

import os
import subprocess
from pathlib import Path

import pytest
from support.httpd import Httpd, configtest
from support.site import wait_for

from httpdapy.apache.server import free_port

PAGE = """
import httpdapi, sys
sys.seen = getattr(sys, 'seen', 0) + 1
class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        import __main__
        return repr((self.req.interpreter, getattr(__main__, 'started', None), sys.seen))
"""


def sections(site: Path, statement: str) -> str:
    return f'WSGIPythonPath "{site}/lib"\nPythonInitFunction startup "{statement}"'


@pytest.fixture
def site(tmp_site: Path) -> Path:
    for name in ("lib", "a", "b", "own"):
        (tmp_site / name).mkdir()
        (tmp_site / name / "page.py").write_text(PAGE)
    (tmp_site / "own/.htaccess").write_text("PythonInterpreter own\n")
    (tmp_site / "lib/startup.py").write_text(
        "import os\ndef init(word):\n"
        "    import __main__\n    __main__.started = (word, os.getpid())\n"
        "def fail():\n    raise RuntimeError('no database')\n"
    )
    return tmp_site


def test_runs_once_in_each_process_for_all_directories(site: Path):
    with Httpd(site, sections(site, "startup.init('hello')")) as httpd:
        a, b = eval(httpd.text("a/page.py")), eval(httpd.text("b/page.py"))
        assert a[0] == b[0] == "" and (a[2], b[2]) == (1, 2)
        assert a[1] == b[1] == ("hello", a[1][1]) and a[1][1] != os.getpid()


def test_python_interpreter_still_wins(site: Path):
    """Decision 26: the statement has not run there."""
    with Httpd(site, sections(site, "startup.init('hello')")) as httpd:
        assert eval(httpd.text("a/page.py"))[0] == ""
        assert eval(httpd.text("own/page.py")) == ("own", None, 1)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("startup.fail()", "RuntimeError: no database"),
        ("import none_such", "No module named 'none_such'"),
        ("startup.", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
    ],
)
def test_a_failure_stops_the_server(site: Path, statement: str, said: str):
    httpd = Httpd(site, sections(site, statement))
    httpd.port = free_port("127.0.0.1", 0)
    process = subprocess.Popen(
        httpd.command("-DFOREGROUND"),
        env=httpd.parts.environment(),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for("Apache's end", lambda: process.poll() is not None, 30)
    log = (httpd.root / "error.log").read_text()
    httpd.remove()
    assert said in log and f'PythonInitFunction startup "{statement}" has failed' in log


def test_a_module_that_is_not_there(site: Path):
    (site / "lib/startup.py").unlink()
    test_a_failure_stops_the_server(site, "pass", "No module named 'startup'")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PythonInitFunction a/b x", "takes the name of a Python module"),
        ("PythonInitFunction startup", "takes two arguments"),
        ("<VirtualHost *:80>\nPythonInitFunction startup x\n</VirtualHost>", "cannot occur within"),
        ('<Directory "/">\nPythonInitFunction startup x\n</Directory>', "not allowed"),
    ],
)
def test_configuration(site: Path, text: str, said: str):
    status, output = configtest(site, text)
    assert status and said in output
