"""PythonOption debug: what the one who writes the script sees."""

import pytest
from support.site import Site

BROKEN = """import httpdapi

def inner():
    secret = "<script>alert(1)</script>"
    raise ValueError(secret)

class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return inner()
"""


@pytest.fixture
def broken(site: Site) -> Site:
    site.htaccess("PythonOption debug 1", 'PythonOption colour "<red>"')
    site.write("page.py", BROKEN)
    site.log.expect("page.py")
    return site


def test_page(broken: Site):
    answer = broken.get("page.py", Accept="text/html,*/*;q=0.8")
    assert (answer.status, answer.type) == (500, "text/html; charset=utf-8")
    text = answer.text
    assert "<script>" not in text and "&lt;script&gt;" in text
    assert f"{broken.path}/page.py, line 9, in Content" in text
    assert "line 5, in inner" in text
    assert "return inner()" in text and "raise ValueError(secret)" in text
    assert "colour" in text and "&lt;red&gt;" in text and str(broken.path) in text
    assert "httpdapy/interpreters" not in text and "handlers/base.py" not in text


@pytest.mark.parametrize("accept", ["text/plain", "application/json", "text/html;q=0, text/plain"])
def test_plain_text_for_others(broken: Site, accept: str):
    answer = broken.get("page.py", Accept=accept)
    assert (answer.status, answer.type) == (500, "text/plain; charset=utf-8")
    lines = answer.text.splitlines()
    assert lines[0] == f"{broken.path}/page.py: ValueError: <script>alert(1)</script>"
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[2] == f'  File "{broken.path}/page.py", line 9, in Content'
    assert lines[-1] == "ValueError: <script>alert(1)</script>"


@pytest.mark.parametrize("value", ["0", "off", "No", "FALSE"])
def test_off(site: Site, value: str):
    """Decision 11: spellings."""
    site.htaccess(f"PythonOption debug {value}")
    site.write("page.py", BROKEN)
    site.log.expect("page.py")
    answer = site.get("page.py")
    assert answer.status == 500 and "ValueError" not in answer.text


def test_off_below(broken: Site):
    below = broken.sub("below")
    below.htaccess("PythonOption Debug 0")
    below.write("page.py", BROKEN)
    assert "ValueError" not in below.get("page.py").text
    assert "ValueError" in broken.get("page.py").text


def test_log_has_the_whole_traceback(broken: Site):
    broken.get("page.py")
    lines = broken.logged()
    for text in ("page.py: ValueError: <script>", "in Content", "return inner()", "in inner"):
        assert text in lines


def test_headers_set_before_do_not_stay(site: Site):
    site.htaccess("PythonOption debug 1")
    site.handler("page.py", "self.rq.srvhdrs.add('Content-Encoding', 'gzip') or 1 / 0")
    site.log.expect("page.py")
    assert "Content-Encoding" not in site.get("page.py").headers


def test_missing_handler_is_explained(site: Site):
    site.htaccess("PythonOption debug 1")
    site.write("page.py", "x = 1\n")
    site.log.expect("page.py")
    assert f"{site.path}/page.py defines no class RequestHandler" in site.get("page.py").text


def test_pythonpath_that_is_not_understood(site: Site):
    """Decision 15: whatever is no sum of lists is an error."""
    site.htaccess(
        "PythonOption debug 1", "PythonOption pythonpath \"__import__('os').listdir('/')\""
    )
    site.handler("page.py", "'x'")
    site.log.expect("page.py")
    answer = site.get("page.py")
    assert answer.status == 500
    assert "PythonPathError" in answer.text and "list of strings" in answer.text
