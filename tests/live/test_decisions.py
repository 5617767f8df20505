"""Where the text of 1.7b leaves something open, what was decided (section 11 of the reference).

DECISIONS says it in a few words.  A test of a decision has its number in its name, or in its
docstring as "Decision 7", and stands with its like: `grep -rn "ecision[ _]7[^0-9]" tests` finds it.
Those that have no like are here, in their order.
"""

import ast
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.httpd import Httpd, configtest
from support.site import Site

DECISIONS = {
    1: "an interpreter has the name of the file's canonical directory, whatever the URL is",
    2: "without a slash at its end",
    3: "a request for a directory belongs to that directory, not to its parent",
    4: "so does one that a handler set in a parent answers",
    5: "an AuthHandler runs where its directive stands; PythonInterpreter overrides",
    6: "outside of all directories it is looked for on sys.path",
    7: "the directory goes to the front of sys.path; the environment stays as it is",
    9: "a file has changed when its time differs, not only when it is later",
    10: "autoreload sees changes of helper modules",
    11: "switches take 1 and 0, on and off, yes and no, true and false",
    12: "with debug errors are a page; without, 404 for no module, else 500 and a traceback logged",
    13: "without a RequestHandler it is an error like any other, and only the log says which; "
    "modules outside of the directory are not run",
    14: "rootpkg goes before all names; the administrator's, if not found so, count as they are",
    15: "pythonpath is a list of strings, worked out with sys.path; all else is an error",
    16: "sys.path has the directory itself, not '.', and each thread its working directory",
    17: "Header() is called; Headers() is not",
    18: "what Content() returns is sent after what it has printed",
    19: "what is printed without a content type is text/html",
    20: "with a redirect the client gets Apache's page, not the content",
    21: "no content is an empty page with status 200",
    22: "Location may be relative, and is passed on as it is",
    23: "HEAD runs as GET, and its body is dropped",
    24: "other methods are the handler's business",
    25: "PythonInterpreter takes any name; two mean the main interpreter",
    26: "PythonInitFunction's statement runs in the main interpreter only",
    27: "an option below adds to those above, or replaces the one of its name",
    28: "directives need AllowOverride FileInfo; AuthPythonModule AuthConfig",
    29: "what follows the module's name in the example is no part of the syntax",
    30: "an AuthHandler protects all methods, also within <Limit GET>",
    31: "DEBUG after its module's name loads it each time, and shows nothing",
    32: "pb has the directives in force, too",
    33: "two files of one name do not mix in one interpreter",
    34: "interpreters have modules of their own; the process is one",
    36: "REQ_PROCEED after output ends the answer, REQ_ABORTED cuts it short",
    37: "interpreters end with their process, after MaxConnectionsPerChild",
}
#: Remarks on the text itself: 8 on its numbering, 35 on a slip of the pen.
OF_NO_EFFECT = {8, 35}


def live_tests() -> Iterator[ast.FunctionDef]:
    for file in Path(__file__).parent.glob("test_*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node


def test_each_has_a_test():
    texts = [f"{test.name}\n{ast.get_docstring(test)}" for test in live_tests()]
    decisions = {int(n) for text in texts for n in re.findall(r"[Dd]ecision[ _](\d+)", text)}
    assert decisions == set(DECISIONS) == set(range(1, 38)) - OF_NO_EFFECT


WHERE = "repr((self.req.interpreter, os.getcwd()))"


def test_decision_1_the_directory_of_the_file_and_not_of_the_url(tmp_site: Path):
    """Two URLs of one directory share, two directories of one URL do not."""
    for name in ("one", "two"):
        (tmp_site / name / "d").mkdir(parents=True)
        (tmp_site / name / "d" / "page.py").write_text(
            "import httpdapi, os\nclass RequestHandler(httpdapi.RequestHandler):\n"
            f"    def Content(self): return {WHERE}\n"
        )
    hosts = "".join(
        f"<VirtualHost *:${{PORT}}>\nServerName {name}\nDocumentRoot {tmp_site}/{name}\n"
        f"Alias /other {tmp_site}/one/d\n</VirtualHost>\n"
        for name in ("one", "two")
    )
    with Httpd(tmp_site, hosts) as httpd:
        found = {
            (host, path): eval(httpd.get(f"{path}/page.py", Host=host).text)[0]
            for host in ("one", "two")
            for path in ("d", "other")
        }
    one, two = f"{tmp_site}/one/d", f"{tmp_site}/two/d"
    assert found == {
        ("one", "d"): one,
        ("one", "other"): one,
        ("two", "d"): two,
        ("two", "other"): one,
    }


@pytest.mark.parametrize("url", ["", "d/", "d//", "d/index.py", "d/no/such"])
def test_decision_3_a_request_for_a_directory_is_its_own(site: Site, url: str):
    """Decision 2: no slash at the end of the name.  Decision 4: also with a handler from above."""
    site.htaccess("SetHandler python-program", "PythonOption handler front")
    site.handler("front.py", WHERE, "import os")
    site.sub("d")
    directory = f"{site.path}/d" if url else str(site.path)
    assert eval(site.text(url)) == (directory, directory)


AUTH = """
import httpdapi
class AuthHandler(httpdapi.AuthHandler):
    def Handle(self):
        self.req.user = 'ali'
        self.rq.srvhdrs['X-Seen'] = self.req.interpreter + ' ' + __name__
        return httpdapi.REQ_PROCEED
"""


def test_decision_5_python_interpreter_overrides(site: Site):
    site.write("auth.py", AUTH)
    site.write("file.txt", "treasure")
    site.htaccess("AuthPythonModule auth", f"PythonInterpreter {site.name}")
    assert site.get("file.txt").headers["X-Seen"].startswith(f"{site.name} ")


def test_decision_7_sys_path_and_not_the_environment(site: Site):
    """Decision 16: the directory itself, not "."."""
    site.handler("page.py", "repr((sys.path, 'PYTHONPATH' in os.environ))", "import os, sys")
    path, in_environment = eval(site.text("page.py"))
    assert path[0] == str(site.path) and path.count(path[0]) == 1
    assert "." not in path and "" not in path and not in_environment


@pytest.mark.parametrize(
    ("on", "off"),
    [("1", "0"), ("on", "off"), ("yes", "no"), ("true", "false"), ("On", "Off"), ("TRUE", "FALSE")],
)
def test_decision_11_spellings(site: Site, on: str, off: str):
    site.write("page.py", "1 / 0\n")
    for value in (on, off, on):
        site.log.expect("page.py")
        site.htaccess(f"PythonOption debug {value}")
        assert ("ZeroDivisionError" in site.get("page.py").text) == (value == on)


def test_decision_13_errors_look_alike(site: Site):
    """Decision 12: 500 for what fails, 404 for what is not there, without a word of the reason."""
    site.write("helper.py", "NAME = 'no handler'\n")
    site.write("raises.py", "1 / 0\n")
    site.write("syntax.py", "def broken(:\n")
    site.handler("fails.py", "1 / 0")
    site.log.expect("helper.py defines no class RequestHandler")
    for name in ("helper.py", "raises.py", "syntax.py", "fails.py"):
        site.log.expect(name)
    failed = [site.get(f"{name}.py") for name in ("helper", "raises", "syntax", "fails")]
    assert {(answer.status, answer.text) for answer in failed} == {(500, failed[0].text)}
    absent = [site.get(f"{name}.py") for name in ("nothing", "os", "httpdapi", "tests.support")]
    assert {(answer.status, answer.text) for answer in absent} == {(404, absent[0].text)}


def test_decision_14_rootpkg_and_the_administrators_names(site: Site):
    for directory in ("", "web/"):
        site.write(f"{directory}auth.py", AUTH)
        site.handler(f"{directory}front.py", "__name__")
    site.write("web/__init__.py", "")
    site.write("file.txt", "treasure")
    site.htaccess(
        "SetHandler python-program",
        "PythonOption rootpkg web",
        "PythonOption handler front",
        "AuthPythonModule auth",
    )

    def names() -> tuple[str, str]:
        answer = site.get("any")
        return answer.text.partition("@")[0], answer.headers["X-Seen"].split()[1].partition("@")[0]

    assert names() == ("web.front", "web.auth")
    for name in ("auth.py", "front.py"):
        (site.path / "web" / name).unlink()
    assert names() == ("front", "auth")


def test_decision_17_headers_is_not_called(site: Site):
    more = "    def {}(self): super().Header(); self.rq.srvhdrs['X-{}'] = 'called'\n"
    both = "".join(more.format(name, name) for name in ("Header", "Headers"))
    site.handler("page.py", "'x'", more=both)
    answer = site.get("page.py")
    assert (answer.headers["X-Header"], answer.headers["X-Headers"]) == ("called", None)


@pytest.mark.parametrize("content", ["''", "None", "b''", "0", "[]"])
def test_decision_21_no_content_is_an_empty_page(site: Site, content: str):
    site.handler("page.py", content)
    answer = site.get("page.py")
    assert (answer.status, answer.body, answer.type) == (200, b"", "text/plain")


@pytest.mark.parametrize("url", ["next.py?a=1", "../up", "?q", "/x", "//host/x", "mailto:a@b"])
def test_decision_22_location_as_it_is(site: Site, url: str):
    site.handler("page.py", f"setattr(self, 'redirect', {url!r})")
    answer = site.get("page.py")
    assert (answer.status, answer.headers["Location"]) == (302, url)


@pytest.mark.parametrize("name", ["interpreter", "main", "a b", "/no/such", "Main_Interpreter"])
def test_decision_25_any_name(site: Site, name: str):
    site.htaccess(f'PythonInterpreter "{name}"')
    site.handler("page.py", "self.req.interpreter")
    assert site.text("page.py") == name


def test_decision_28_authentication_needs_auth_config(tmp_site: Path):
    sections = ""
    for override in ("AuthConfig", "FileInfo"):
        directory = tmp_site / override
        directory.mkdir()
        (directory / ".htaccess").write_text("AuthPythonModule auth\n")
        (directory / "auth.py").write_text(AUTH)
        (directory / "file.txt").write_text("treasure")
        sections += f'<Directory "{directory}">\nAllowOverride {override}\n</Directory>\n'
    with Httpd(tmp_site, sections, modules=("authn_core", "authz_user")) as httpd:
        assert httpd.text("AuthConfig/file.txt") == "treasure"
        httpd.log.expect("AuthPythonModule not allowed here")
        assert httpd.get("FileInfo/file.txt").status == 500


def test_decision_29_one_argument(tmp_site: Path):
    line = "AuthPythonModule auth <-- replace it"
    status, said = configtest(tmp_site, f"<Location />\n{line}\n</Location>")
    assert status and "AuthPythonModule takes one argument" in said


def test_decision_31_debug_of_authentication_shows_nothing(site: Site):
    site.write("auth.py", AUTH.replace("'ali'", "1 / 0"))
    site.write("file.txt", "treasure")
    site.htaccess("AuthPythonModule authDEBUG", "PythonOption debug 1")
    site.log.expect("AuthPythonModule authDEBUG: ZeroDivisionError")
    site.log.allow("file.txt]")
    answer = site.get("file.txt")
    assert answer.status == 500 and "ZeroDivision" not in answer.text


def test_decision_34_modules_are_separate_the_process_is_not(site: Site):
    for name in ("a", "b"):
        site.sub(name).handler(
            "page.py",
            "repr((os.getpid(), list(builtins.seen), list(sys.seen)))",
            "import builtins, os, sys\nfor module in (builtins, sys):\n"
            f"    module.seen = (*getattr(module, 'seen', ()), {name!r})\n",
        )
    a, b = eval(site.text("a/page.py")), eval(site.text("b/page.py"))
    assert a[0] == b[0] and (a[1:], b[1:]) == ((["a"], ["a"]), (["b"], ["b"]))


@pytest.mark.parametrize(("result", "is_whole"), [("REQ_PROCEED", True), ("REQ_ABORTED", False)])
def test_decision_36_results_after_output(site: Site, result: str, is_whole: bool):
    handle = f"self.sn.net_write('begun'); return httpdapi.{result}"
    site.handler("page.py", "''", more=f"    def Handle(self): {handle}\n")
    site.log.allow("page.py")
    request = f"GET {site.url}/page.py HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ") and b"begun" in answer
    assert answer.endswith(b"\r\n0\r\n\r\n") == is_whole  # the last chunk
