"""The sample site: every page of it works."""

import html
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.publishing import basic
from support.script import running_script
from support.site import TestServer, running_server

SAMPLES = Path(__file__).parents[2] / "samples"
#: What the front page's links answer, if it is not 200.
STATUSES = {"broken/": 500, "members/": 401, "redirect.py": 302}


def copy(server: TestServer) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SAMPLES, server.root, dirs_exist_ok=True, ignore=ignored)


@pytest.fixture(scope="module")
def samples_server(way: str):
    with running_server() as server:
        copy(server)
        yield server


@pytest.fixture
def samples(samples_server: TestServer):
    """The sample site; no test of it may leave an error in the log."""
    yield samples_server
    samples_server.settle()
    samples_server.log.check()


def get(server: TestServer, path: str) -> str:
    answer = server.request("GET", path)
    assert answer.status == 200, answer.text
    return answer.text


def links(server: TestServer, pattern: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(pattern, get(server, "/"))]


def test_front_page_links_work(samples: TestServer):
    pages = links(samples, r'<li><a href="([^"]+)"')
    assert len(pages) == 13
    samples.log.expect("broken/index.py")
    answers = {page: samples.request("GET", f"/{page}") for page in pages}
    for page, answer in answers.items():
        assert answer.status == STATUSES.get(page, 200), answer.text
    assert answers["stream.py"].text.endswith("Lift-off\n")
    assert "grid" in get(samples, "/style.css")


def test_each_file_is_shown_by_the_viewer(samples: TestServer):
    sources = links(samples, r'href="(source[^"]+)"')
    assert len(sources) == 14
    shown = {}
    for source in sources:
        found = re.findall(r"<h2>(.*?)</h2><pre>(.*?)</pre>", get(samples, f"/{source}"), re.DOTALL)
        assert found, source
        shown |= {name: html.unescape(text) for name, text in found}
    assert shown == {
        str(file.relative_to(SAMPLES)): file.read_text()
        for file in SAMPLES.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "/front/",
        "/FRONT",
        "/hello.py",
        "/members",
        "/members/auth.py",
        "/private.txt",
        "/private",
        "/.htaccess",
        "/.htpasswd",
        "/./.htpasswd",
        "/../.htpasswd",
        "/../../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/hello/../../../../etc/passwd",
        "/..%5c..%5cetc%5cpasswd",
        "/%2fetc%2fpasswd",
        "//etc/passwd",
        "/hello%00",
        "/hello%0a",
        "/hello%20",
        "/__class__",
        "/%c3%28",
        "/" + "x" * 4000,
        "?hello",
        "?file=/etc/passwd",
    ],
    ids=lambda path: path[:30],
)
def test_viewer_shows_nothing_else(samples: TestServer, path: str):
    for name in ("private.txt", ".htpasswd"):
        (samples.root / name).write_text("PRIVATE")
    samples.log.allow("AH10244")  # Apache: a path that leads out of the site,
    samples.log.allow("AH01630")  # a hidden file
    answer = samples.request("GET", f"/source.py{path}")
    assert answer.status in (400, 403, 404)
    for shown in ("PRIVATE", "root:", "<pre>"):
        assert shown not in answer.text


def test_viewer_looks_at_the_path_only(samples: TestServer):
    shown = get(samples, "/source.py/hello")
    assert get(samples, "/source.py/hello?file=/etc/passwd&name=front") == shown
    assert samples.request("POST", "/source.py/hello", "name=front").text == shown


def test_an_edit_shows(samples: TestServer):
    assert "Hello, World!" in get(samples, "/hello.py")
    script = samples.root / "hello.py"
    script.write_text(script.read_text().replace("World", "Apache"))
    assert "Hello, Apache!" in get(samples, "/hello.py")


def test_form_page(samples: TestServer):
    body = "name=%3Cb%3E"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "Hello, &lt;b&gt;!" in samples.request("POST", "/form.py", body, headers).text


def test_words(samples: TestServer):
    assert "relative names start at the script" in get(samples, "/words.py")


def test_redirect_and_print(samples: TestServer):
    assert samples.request("GET", "/redirect.py").headers["Location"] == "/hello.py"
    assert get(samples, "/print.py").splitlines()[-1] == "12 x 12 = 144"


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        ({}, 401),
        (basic("ali", "sesame"), 200),
        (basic("ali", "Sesame"), 401),
        (basic("ali", ""), 401),
        (basic("", ""), 401),
        (basic("Ali", "sesame"), 401),
        (basic("ali", "sesamé"), 401),
    ],
)
def test_members(samples: TestServer, credentials: dict[str, str], status: int):
    assert "user <b>ali</b>, password <b>sesame</b>" in get(samples, "/")
    answer = samples.request("GET", "/members/", headers=credentials)
    assert answer.status == status
    assert ("Welcome, ali." in answer.text) == (status == 200)


@pytest.mark.parametrize(("method", "form"), [("GET", "name=A%26B"), ("POST", "name=%C3%A9")])
def test_cgi_script_answers_as_under_cgi(samples: TestServer, method: str, form: str):
    """What the script prints is the same as in a process of its own."""
    query, body = (form, "") if method == "GET" else ("", form)
    environment = {
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [sys.executable, SAMPLES / "cgi-bin" / "hello.cgi"],
        env=environment,
        input=body,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    header, _, page = done.stdout.partition("\n\n")
    answer = samples.request(method, f"/cgi-bin/hello.cgi?{query}", body)
    assert (answer.status, f"Content-Type: {answer.type}") == (200, header)
    assert answer.text == page
    assert "Hello, A&amp;B!" in page or "Hello, é!" in page


def test_publisher(samples: TestServer):
    page = get(samples, "/publisher/hello")
    greet, add = (html.unescape(link) for link in re.findall('"(/publisher/[^"]+)"', page))
    assert get(samples, greet) == "Hello, Ada!"
    assert get(samples, add) == "2 + 3 = 5"


def test_publisher_without_zope_says_what_to_install():
    with running_server() as server:
        copy(server)
        htaccess = server.root / "publisher" / ".htaccess"
        library = sysconfig.get_path("stdlib")
        path = [".", str(SAMPLES.parent), library, f"{library}/lib-dynload"]
        with htaccess.open("a") as file:  # without site-packages
            file.write(f'PythonOption pythonpath "{path}"\n')
        server.log.expect("httpdapi_publisher needs Zope")
        server.log.expect("publisher/hello]")  # the traceback
        answer = server.request("GET", "/publisher/hello")
        assert answer.status == 500
        assert "pip install &#x27;Zope&gt;=6&#x27;" in answer.text
        server.settle()
        server.log.check()


def pin(text: str) -> str:
    return urlencode({"json": json.dumps(["board.pin", [], {"text": text}])})


def test_board(samples: TestServer):
    """In the sample site, and below a page's URL with a slash."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for page in ("/hwebserver/board.py", "/hwebserver/board.py/"):
        assert 'fetch("/hwebserver/board.py/api"' in get(samples, page)
    before = get(samples, page).count("<li>")
    answer = samples.request("POST", "/hwebserver/board.py/api", pin("<b>"), headers)
    assert (answer.status, answer.text) == (200, str(before + 1))
    assert "<li>&lt;b&gt;" in get(samples, "/hwebserver/board.py")
    assert samples.request("POST", "/hwebserver/board.py/api", pin(" "), headers).status == 422


def test_board_alone(tmp_site: Path):
    source = (SAMPLES / "hwebserver" / "board.py").read_text()
    head, run, _ = source.partition('\n\nif __name__ == "__main__":\n    hwebserver.run(8008)\n')
    assert run
    with running_script(tmp_site, head, name="board.py") as script:
        assert 'fetch("/api"' in script.text("/")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert script.request("POST", "/api", pin("call"), headers).text == "2"
        assert "<li>call" in script.text("/")


def test_status(samples: TestServer):
    page = get(samples, "/status.py?colour=%3Cred%3E")
    rows = dict(re.findall(r"<tr><th>(.*?)<td>([^<]*)", page))
    assert f"<p>Interpreter <code>{samples.root}</code>" in page
    assert rows["site"] == "Httpdapy samples"
    assert rows["clf-request"] == "GET /status.py?colour=%3Cred%3E HTTP/1.1"
    assert rows["path"] == f"{samples.root}/status.py"
    assert rows["ip"] == "127.0.0.1"


def test_readme_examples(samples: TestServer):
    """The handler and the .htaccess file that the README shows do what it says."""
    readme = (SAMPLES.parent / "README.md").read_text()
    handler, htaccess = (
        re.search(rf"```{language}\n(.*?)```", readme, re.DOTALL)[1]
        for language in ("python", "apache")
    )
    directory = samples.root / "readme"
    directory.mkdir()
    (directory / "hello.py").write_text(handler)
    (directory / "report.py").write_text(
        handler.replace('f"Hello, {name}!\\n"', 'repr((self.pb["colour"], self.req.interpreter))')
    )
    (directory / ".htaccess").write_text(htaccess)
    assert get(samples, "/readme/hello.py") == "Hello, World!\n"
    assert get(samples, "/readme/hello.py?name=you") == "Hello, you!\n"
    assert get(samples, "/readme/report.py") == "('red', '')"
