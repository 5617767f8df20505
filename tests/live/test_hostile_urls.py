"""URLs that try to reach what they should not: never source, never a crash, never a library."""

import socket

import pytest
from support.site import Site

SECRET = "S3CRET-SOURCE"

HOSTILE = [
    "../{name}/page.py",
    "..%2f{name}%2fpage.py",
    "%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cpage.py",
    "page.py%00",
    "page.py%00.html",
    "%00page.py",
    "page.py%20",
    "page.py.",
    "page.py.bak",
    "page.py~",
    ".page.py.swp",
    "page.pyc",
    "__pycache__/page.cpython-313.pyc",
    "__pycache__/",
    ".htaccess",
    "sub/.htaccess",
    "a" * 4096 + ".py",
    "a/" * 1500 + "page.py",
    ".py",
    "..py",
    "...py",
    "os.path.py",
    "__init__.py",
    "page..py",
    "page.page.py",
    "%e2%80%ae.py",
    "%ff%fe.py",
    "page.py;x=1",
    "page%2epy",
    "//page.py",
    "./page.py",
    "page.py?../../x",
    "page.py//..//page.py",
    "PAGE.PY",
]


@pytest.fixture
def hostile(site: Site) -> Site:
    site.handler("page.py", "'runs'", f"SECRET = '{SECRET}'")
    for name in ("page.py.bak", "page.py~", ".page.py.swp", "page.pyc", "page.py.orig"):
        site.write(name, f"SECRET = '{SECRET}'")
    site.write("__pycache__/page.cpython-313.pyc", SECRET)
    site.write("sub/.htaccess", f"# {SECRET}\n")
    return site


@pytest.mark.parametrize("url", HOSTILE, ids=lambda url: url[:30])
def test_hostile_url(hostile: Site, url: str):
    hostile.log.allow(" AH")  # Apache's own words on invalid and denied URLs
    head = f"GET {hostile.url}/{url.format(name=hostile.name)} HTTP/1.0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", hostile.server.server.port), 10) as connection:
        connection.sendall(head.encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    status = int(answer.split()[1])
    body = answer.partition(b"\r\n\r\n")[2]
    assert SECRET.encode() not in answer
    assert (status == 200 and body == b"runs") or status in (400, 403, 404, 414), answer[:300]


def test_hidden_directories(hostile: Site):
    for name in (".git/config", "sub/.svn/entries", ".well-known/acme", "not.hidden/x"):
        hostile.write(name, SECRET)
    hostile.log.expect("AH01630")
    assert hostile.get(".git/config").status == hostile.get("sub/.svn/entries").status == 403
    assert hostile.text(".well-known/acme") == hostile.text("not.hidden/x") == SECRET


@pytest.mark.parametrize("suffix", ["/", "/extra", "/extra/..%2f", "/a.py/b.py"])
def test_path_after_the_script(hostile: Site, suffix: str):
    answer = hostile.get(f"page.py{suffix}")
    assert (answer.status, answer.body) in [(200, b"runs")] or answer.status == 404
    assert SECRET not in answer.text


def test_source_of_other_extensions_is_not_run(site: Site):
    """Only .py files are ever run, whatever the handler is set for."""
    site.htaccess("SetHandler python-program")
    site.write("upload.txt", f"import httpdapi\nprint('{SECRET}')\n")
    site.write(
        "evil.html", "import httpdapi\nclass RequestHandler(httpdapi.RequestHandler): pass\n"
    )
    for name in ("upload.txt", "evil.html", "upload", "evil"):
        answer = site.get(name)
        assert answer.status == 404 and SECRET not in answer.text


@pytest.mark.parametrize("lines", [[], ["PythonOption pythonpath \"['.']\""]])
def test_a_path_that_is_no_utf_8(site: Site, lines: list[str]):
    site.htaccess("SetHandler python-program", *lines)
    site.handler("page.py", "'x'")
    assert site.text("page.py") == "x"
    assert site.get("%FF").status == 404
    assert site.get("page.py/%FF").text == "x"
