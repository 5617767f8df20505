"""registerStaticFilesDirectory: Apache sends files, and what else has the path."""

import os
import socket
from pathlib import Path

import pytest
from support.script import Script, running_script

ONE_WAY = True
LIVE = True

SCRIPT = """
import hwebserver

calls = []

def register(path, is_prefix=False):
    @hwebserver.urlHandler(path, is_prefix)
    def handle(request):
        return hwebserver.Response(f"Python: {request.path()}", content_type="text/plain")

register("/", is_prefix=True)
register("/static/exact")
register("/static/prefix", is_prefix=True)
register("/same")
register("/behind", is_prefix=True)
register("/a/b/c", is_prefix=True)
register("/both/second.txt")
register("/od[d] ü\\"%41$&/page")

hwebserver.registerStaticFilesDirectory("files")
hwebserver.registerStaticFilesDirectory("files/sub", "/same/")
hwebserver.registerStaticFilesDirectory("files", "/behind")
hwebserver.registerStaticFilesDirectory("files", "/a/b")
hwebserver.registerStaticFilesDirectory("files/sub", "/a/b/c/d")
hwebserver.registerStaticFilesDirectory("files", "/both", 0)
hwebserver.registerStaticFilesDirectory("more $1 %1", "/both", "main")
hwebserver.registerStaticFilesDirectory("files", "/od[d] ü\\"%41$&")
hwebserver.registerStaticFilesDirectory("link", "/linked")
hwebserver.registerStaticFilesDirectory(".", "/all")
hwebserver.registerStaticFilesDirectory("files/sub", "/", "admin")
hwebserver.setSettingsForPort({"PORT": 0}, "admin")
"""

FILES = {
    "files/a.txt": "a",
    "files/index.html": "index",
    "files/page.py": "print('never run')",
    "files/page.cgi": "#!/bin/sh",
    "files/exact": "file",
    "files/prefix/file": "file",
    "files/c/file": "file",
    "files/.hidden": "secret",
    "files/.dir/file": "secret",
    "files/.htaccess": "Redirect /static/a.txt /elsewhere\n",
    "files/two words+ü.txt": "odd name",
    "files/sub/a.txt": "sub",
    "files/sub/index.html": "index",
    "files/sub/only.txt": "only",
    "more $1 %1/a.txt": "second a",
    "more $1 %1/second.txt": "second",
    "more $1 %1/third.txt": "third",
    "filesecret/a.txt": "secret",
    "outside.txt": "secret",
}


def write_files(site: Path) -> None:
    for name, text in FILES.items():
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name, target in {
        "files/inside": "a.txt",
        "files/inside-directory": "sub",
        "files/inside-absolute": site / "files/a.txt",
        "files/outside": "../outside.txt",
        "files/outside-directory": "../filesecret",
        "files/passwd": "/etc/passwd",
        "files/broken": "nothing",
        "link": "files",
    }.items():
        (site / name).symlink_to(target)
    os.mkfifo(site / "files/pipe")
    (site / "big.bin").write_bytes(bytes(range(256)) * 4096)


@pytest.fixture(scope="module")
def script(module_site: Path):
    write_files(module_site)
    with running_script(module_site, SCRIPT) as running:
        for tag in ("AH01630", "AH00037", "AH10244"):  # denied, a broken link, an invalid path
            running.log.allow(tag)
        yield running


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/static/a.txt", "a"),
        ("/static/sub/a.txt", "sub"),
        ("/static/page.py", "print('never run')"),
        ("/static/page.cgi", "#!/bin/sh"),
        ("/static/two%20words+%C3%BC.txt", "odd name"),
        ("/static/inside", "a"),
        ("/static/inside-directory/a.txt", "sub"),
        ("/static/inside-absolute", "a"),
        ("/linked/a.txt", "a"),
        ("/linked/inside-absolute", "a"),
        ("/od%5Bd%5D%20%C3%BC%22%2541$&/a.txt", "a"),
        ("/all/files/a.txt", "a"),
        ("//static///a.txt", "a"),
        ("/static/sub/../a.txt", "a"),
        ("/%73tatic/a%2Etxt?query", "a"),
    ],
)
def test_a_file_is_sent(script: Script, path: str, text: str):
    assert script.text(path) == text


@pytest.mark.parametrize(
    "path",
    [
        "/static",
        "/static/",
        "/static/sub",
        "/static/sub/",
        "/static/none",
        "/static/a.txt/",
        "/static/a.txt/more",
        "/static/a.txt.",
        "/static/sub\\a.txt",
        "/static/a.txt%00",
        "/static/a.txt%00.html",
        "/static/pipe",
        "/both/none",
        "/both/sub",
        "/both",
    ],
)
def test_what_is_no_file_is_not_found(script: Script, path: str):
    answer = script.get(path)
    assert answer.status == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/.hidden",
        "/static/.dir/file",
        "/static/.htaccess",
        "/static/outside",
        "/static/outside-directory/a.txt",
        "/static/passwd",
        "/static/..%5coutside.txt",
        "/static/%2e%2e%2foutside.txt",
        "/static/..%2foutside.txt",
        "/static/broken",
        "/both/outside",
        "/all/script.py",
        "/all/files/outside-directory/../.hidden",
    ],
)
def test_what_is_hidden_or_elsewhere_is_forbidden(script: Script, path: str):
    answer = script.get(path)
    assert answer.status == 403
    assert "secret" not in answer.text and "import" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/../outside.txt", "/static/../../outside.txt", "/static/%2e%2e/%2e%2e/outside.txt"],
)
def test_no_path_leads_above_the_root(script: Script, path: str):
    assert script.get(path).status == 400


def test_a_parent_directory_is_that_of_the_url(script: Script):
    for path in ("/static/../outside.txt", "/static/%2e%2e/filesecret/a.txt"):
        assert script.text(path) == f"Python: {path}"
    assert script.text("/x/%2e%2e/static/a.txt") == "a"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/elsewhere",
        "/staticx/a.txt",
        "/STATIC/a.txt",
        "/static/exact",
        "/static/exact/",
        "/static/prefix",
        "/static/prefix/file",
        "/same",
        "/same/",
        "/behind/a.txt",
        "/a/b/c",
        "/a/b/c/file",
        "/a",
        "/both/second.txt",
    ],
)
def test_python_wins_with_as_many_components_or_more(script: Script, path: str):
    assert script.text(path) == f"Python: {path}"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/static/a.txt", "a"),
        ("/same/a.txt", "sub"),
        ("/a/b/a.txt", "a"),
        ("/a/b/c/d/a.txt", "sub"),
        ("/static/exactly", None),
        ("/static/exact/more", None),
        ("/static/prefixed", None),
    ],
)
def test_files_win_with_more_components(script: Script, path: str, text: str | None):
    answer = script.get(path)
    assert (answer.status, answer.text) == (200, text) if text else answer.status == 404


def test_a_path_of_python_with_odd_characters_wins(script: Script):
    path = "/od%5Bd%5D%20%C3%BC%22%2541$&/page"
    assert script.text(path).startswith("Python: ")


def test_of_directories_at_one_prefix_the_first_that_has_the_file_answers(script: Script):
    assert script.text("/both/a.txt") == "a"
    assert script.text("/both/sub/only.txt") == "only"
    assert script.text("/both/third.txt") == "third"


def test_a_directory_at_the_root_of_another_port(script: Script):
    script.wait_for_port("admin")
    assert script.request("GET", "/only.txt", port="admin").text == "only"
    for path in ("/", "/static/a.txt"):
        assert script.request("GET", path, port="admin").status == 404


def test_a_file_comes_with_what_caches_need(script: Script):
    answer = script.get("/static/a.txt")
    assert answer.type == "text/plain"
    assert answer.headers["Content-Length"] == "1"
    assert answer.headers["Accept-Ranges"] == "bytes"
    etag = answer.headers["ETag"]
    changed = answer.headers["Last-Modified"]
    assert script.get("/static/a.txt", If_None_Match=etag).status == 304
    assert script.get("/static/a.txt", If_Modified_Since=changed).status == 304
    assert script.get("/static/a.txt", If_None_Match='"other"').status == 200
    assert script.get("/static/a.txt", If_Match='"other"').status == 412


def test_ranges(script: Script):
    answer = script.get("/all/big.bin", Range="bytes=256-511")
    assert answer.status == 206 and answer.body == bytes(range(256))
    assert answer.headers["Content-Range"] == f"bytes 256-511/{256 * 4096}"
    assert script.get("/all/big.bin", Range=f"bytes={256 * 4096}-").status == 416
    several = script.get("/all/big.bin", Range="bytes=0-0,10-11")
    assert several.status == 206 and several.type.startswith("multipart/byteranges")


def test_methods(script: Script):
    head = script.request("HEAD", "/all/big.bin")
    assert head.status == 200 and head.body == b""
    assert head.headers["Content-Length"] == str(256 * 4096)
    for method in ("POST", "PUT", "DELETE"):
        refused = script.request(method, "/static/a.txt")
        assert refused.status == 405 and "GET" in refused.headers["Allow"]


def test_a_file_that_changes_is_sent_as_it_is_now(script: Script):
    new = script.directory / "files/new.txt"
    new.write_text("first")
    assert script.text("/static/new.txt") == "first"
    new.write_text("second")
    assert script.text("/static/new.txt") == "second"
    new.unlink()
    assert script.get("/static/new.txt").status == 404


def test_a_raw_nul_or_line_break_is_refused(script: Script):
    for byte in (b"\0", b"\r", b"\x7f"):
        with socket.create_connection(("127.0.0.1", script.port), timeout=10) as connection:
            connection.sendall(b"GET /static/a.txt" + byte + b" HTTP/1.1\r\nHost: x\r\n\r\n")
            status = connection.makefile("rb").readline().split()[1]
        assert status in (b"400", b"404")


# ---- errors --------------------------------------------------------------------------------------


def failing(site: Path, source: str) -> list[str]:
    """What a script says that ends with an error."""
    script = running_script(site, f"import hwebserver\n{source}\n")
    with pytest.raises(AssertionError) as caught, script:
        pass
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("'none'", "/none does not exist"),
        ("'file.txt'", "/file.txt is no directory"),
        ("'.', 'static'", "url_prefix begins with a slash: /static, not 'static'"),
        ("'.', '/a\\nb'", "cannot hold the url_prefix"),
        ("'.', '/static', 8000", "by -1 or 0 for the main one, not by 8000"),
    ],
)
def test_what_cannot_be_registered(tmp_site: Path, call: str, message: str):
    (tmp_site / "file.txt").touch()
    said = failing(tmp_site, f"hwebserver.registerStaticFilesDirectory({call})")
    assert message in said[-1] and "OperationFailed: " in said[-1]


def test_a_directory_that_apaches_user_cannot_enter(tmp_site: Path):
    closed = tmp_site / "closed"
    closed.mkdir(mode=0o600)
    said = failing(tmp_site, "hwebserver.registerStaticFilesDirectory('closed')")
    assert f"{closed} is closed to it; chmod o+x {closed}" in said[-1]
    assert "OperationFailed: " in said[-1]
