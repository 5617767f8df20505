"""registerArchiveFile: Apache sends members of zip archives, and what else has the path."""

import zipfile
from pathlib import Path

import pytest
from support.archives import TEXT, write_zip
from support.script import Script, refuses, running_script

ONE_WAY = True
#: Archives are the same in the background.
LIVE = True

SCRIPT = """
import hwebserver

def register(path, is_prefix=False):
    @hwebserver.urlHandler(path, is_prefix)
    def handle(request):
        return hwebserver.Response(f"Python: {request.path()}", content_type="text/plain")

register("/", is_prefix=True)
register("/zip/exact")
register("/zip/prefix", is_prefix=True)
register("/same", is_prefix=True)
register("/just")
register("/a/b/c", is_prefix=True)
register("/both/second.txt")

hwebserver.registerArchiveFile("files.zip", "/zip")
hwebserver.registerArchiveFile("files.zip", "/same/")
hwebserver.registerArchiveFile("files.zip", "/just")
hwebserver.registerArchiveFile("files.zip", "/a/b")
hwebserver.registerArchiveFile("other.zip", "/a/b/c/d")
hwebserver.registerStaticFilesDirectory("files", "/both", 0)
hwebserver.registerStaticFilesDirectory("more", "/both")
hwebserver.registerArchiveFile("files.zip", "/both", 0)
hwebserver.registerArchiveFile("other.zip", "/both", "main")
hwebserver.registerStaticFilesDirectory("files", "/one")
hwebserver.registerArchiveFile("files.zip", "/one")
hwebserver.registerArchiveFile("files.zip", "/od[d] ü\\"%41$&")
hwebserver.registerArchiveFile("files/inside.zip", "/inside")
hwebserver.registerArchiveFile("other.zip", "/", "admin")
hwebserver.setSettingsForPort({"PORT": 0}, "admin")
"""
MEMBERS = {
    "a.txt": "a of the archive",
    "page.py": "print('never run')",
    "exact": "member",
    "prefix/file": "member",
    "c/file": "member",
    "sub/index.html": "index",
    "second.txt": "second of the archive",
    "long.txt": TEXT,
    "zip only.txt": "zip only",
    ".htaccess": "hidden",
    "sub/.git/config": "hidden",
    "sub/not.hidden": "not hidden",
}


@pytest.fixture(scope="module")
def script(module_site: Path):
    write_zip(module_site / "files.zip", MEMBERS)
    write_zip(module_site / "other.zip", {"a.txt": "other", "other.txt": "other"})
    for name in ("files", "more"):
        (module_site / name).mkdir()
    write_zip(module_site / "files/inside.zip", {"sub/a.txt": "inside", "sub/.hidden": "hidden"})
    (module_site / "files/a.txt").write_text("a of the directory")
    (module_site / "more/m.txt").write_text("m of the directory")
    with running_script(module_site, SCRIPT) as running:
        running.log.allow("AH01630")  # denied
        yield running


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/zip/a.txt", "a of the archive"),
        ("/zip/page.py", "print('never run')"),
        ("/zip/zip%20only.txt?query", "zip only"),
        ("/zip/long.txt", TEXT),
        ("//zip///sub/../a.txt", "a of the archive"),
        ("/just/a.txt", "a of the archive"),
        ("/a/b/a.txt", "a of the archive"),
        ("/a/b/c/d/a.txt", "other"),
        ("/both/a.txt", "a of the directory"),
        ("/both/m.txt", "m of the directory"),
        ("/both/long.txt", TEXT),
        ("/both/other.txt", "other"),
        ("/one/a.txt", "a of the directory"),
        ("/one/long.txt", TEXT),
        ("/od%5Bd%5D%20%C3%BC%22%2541$&/a.txt", "a of the archive"),
    ],
)
def test_a_member_is_sent(script: Script, path: str, text: str):
    assert script.text(path) == text


@pytest.mark.parametrize(
    "path",
    [
        "/zip/exact",
        "/zip/exact/",
        "/zip/prefix",
        "/zip/prefix/file",
        "/same",
        "/same/a.txt",
        "/just",
        "/just/",
        "/a/b/c",
        "/a/b/c/file",
        "/a/b/c/d/c/file",
        "/both/second.txt",
    ],
)
def test_python_wins_with_as_many_components_or_more(script: Script, path: str):
    assert script.text(path) == f"Python: {path}"


@pytest.mark.parametrize("path", ["/zip", "/zip/none", "/zip/sub", "/zip/sub/", "/zip/a.txt/more"])
def test_python_answers_what_the_archive_has_not(script: Script, path: str):
    assert script.text(path) == f"Python: {path}"


def test_hidden_members_are_forbidden(script: Script):
    for path in ("/zip/.htaccess", "/zip/sub/.git/config"):
        answer = script.get(path)
        assert answer.status == 403 and "hidden" not in answer.text
    assert script.text("/zip/sub/not.hidden") == "not hidden"


def test_an_archive_that_lies_in_a_static_directory(script: Script):
    assert script.text("/inside/sub/a.txt") == "inside"
    assert script.text("/inside/sub/") == "Python: /inside/sub/"
    assert script.get("/inside/sub/.hidden").status == 403
    assert script.get("/one/inside.zip").status == 200  # as any file there


def test_an_archive_at_the_root_of_another_port(script: Script):
    script.wait_for_port("admin")
    assert script.request("GET", "/other.txt", port="admin").text == "other"
    for path in ("/", "/none", "/zip/a.txt"):
        assert script.request("GET", path, port="admin").status == 404


def test_methods(script: Script):
    refused = script.request("POST", "/zip/a.txt", body="x")
    assert refused.status == 405 and "GET" in refused.headers["Allow"]
    assert script.request("POST", "/zip/none", body="x").text == "Python: /zip/none"


def test_no_python_is_asked(script: Script):
    answer = script.get("/zip/long.txt", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip" and answer.headers["ETag"]


def test_an_archive_that_is_replaced(script: Script):
    write_zip(script.directory / "other.zip", {"a.txt": "new", "new.txt": "new"})
    assert script.text("/a/b/c/d/a.txt") == script.text("/a/b/c/d/new.txt") == "new"
    write_zip(script.directory / "other.zip", {"a.txt": "other", "other.txt": "other"})
    assert script.text("/a/b/c/d/a.txt") == "other"


def test_only_an_archive(tmp_site: Path):
    write_zip(tmp_site / "files.zip", {"a.txt": "a"})
    source = "import hwebserver\nhwebserver.registerArchiveFile('files.zip', '/')\n"
    with running_script(tmp_site, source) as script:
        assert script.text("/a.txt") == "a"
        assert script.get("/none").status == 404


def test_a_broken_archive_is_503_until_it_is_right(tmp_site: Path):
    (tmp_site / "files.zip").write_text("no archive")
    source = "import hwebserver\nhwebserver.registerArchiveFile('files.zip', '/zip')\n"
    with running_script(tmp_site, source) as script:
        script.log.expect("HDPY0020")
        script.log.allow("HDPY0022")
        assert script.get("/zip/a.txt").status == 503
        write_zip(tmp_site / "files.zip", {"a.txt": "a"})
        assert script.text("/zip/a.txt") == "a"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("'none.zip', '/zip'", "/none.zip does not exist"),
        ("'.', '/zip'", " is no file"),
        ("'file.zip', 'zip'", "url_prefix begins with a slash: /zip, not 'zip'"),
        ("'file.zip', '/a\\nb'", "cannot hold the url_prefix"),
        ("'file.zip', '/zip', 8000", "by -1 or 0 for the main one, not by 8000"),
    ],
)
def test_what_cannot_be_registered(tmp_site: Path, call: str, message: str):
    with zipfile.ZipFile(tmp_site / "file.zip", "w"):
        pass
    refuses(tmp_site, f"import hwebserver\nhwebserver.registerArchiveFile({call})\n", message)


def test_an_archive_that_apaches_user_cannot_read(tmp_site: Path):
    archive = write_zip(tmp_site / "files.zip", {"a.txt": "a"})
    archive.chmod(0)
    source = """
        import hwebserver
        hwebserver.registerArchiveFile("files.zip", "/zip")
        hwebserver.run(0)
    """
    refuses(tmp_site, source, f"chmod o+r {archive}")
