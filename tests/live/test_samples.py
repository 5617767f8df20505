"""The sample site: every page of it works."""

import re
import shutil
from pathlib import Path

import pytest
from support.site import TestServer, running_server

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def samples():
    with running_server() as server:
        shutil.copytree(SAMPLES, server.root, dirs_exist_ok=True)
        yield server


def get(server: TestServer, path: str) -> str:
    answer = server.request("GET", path)
    assert answer.status == 200, answer.text
    return answer.text


def test_front_page_links_work(samples: TestServer):
    front = get(samples, "/")
    links = re.findall(r'<li><a href="([^"]+)"', front)
    assert len(links) == 7
    for link in links:
        samples.log.allow("broken/index.py")
        status = samples.request("GET", f"/{link}").status
        assert status == {"broken/": 500, "leave.py": 302}.get(link, 200)
    assert "grid" in get(samples, "/style.css")


def test_an_edit_shows(samples: TestServer):
    assert "Hello, World!" in get(samples, "/hello.py")
    script = samples.root / "hello.py"
    script.write_text(script.read_text().replace("World", "Apache"))
    assert "Hello, Apache!" in get(samples, "/hello.py")


def test_form_page(samples: TestServer):
    body = "name=%3Cb%3E"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "Hello, &lt;b&gt;!" in samples.request("POST", "/form.py", body, headers).text


def test_words_and_stream(samples: TestServer):
    assert "relative names start at the script" in get(samples, "/words.py")
    assert get(samples, "/stream.py").endswith("Lift-off\n")


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
