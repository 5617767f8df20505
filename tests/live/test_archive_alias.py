"""ArchiveAlias: members of zip archives, answered as files are."""

import gzip
import zipfile
import zlib
from pathlib import Path

import pytest
from support.archives import TEXT, archive_httpd, write_zip
from support.httpd import Httpd, configtest
from support.site import request

ONE_WAY = True

SECTIONS = """
ArchiveAlias /css "{site}/zips/css.zip"
ArchiveAlias /css "{site}/zips/more.zip"
ArchiveAlias /css/deep "{site}/zips/deep.zip"
ArchiveAlias /files "{site}/zips/css.zip"
Alias /files "{site}/directory"
Alias /css/directory "{site}/directory"
ArchiveAlias /missing "{site}/zips/missing.zip"
ArchiveAlias /broken/ "{site}/zips/broken.zip"
ArchiveAlias /index "{site}/zips/index.zip"
<Directory "{site}/zips">
    DirectoryIndex index.html
    AddEncoding x-gzip .gz
    AddType text/css .css
    AddType text/html .html
    AddType text/plain .txt
    AllowOverride All
</Directory>
<Location "/index/off">
    DirectoryIndex disabled
</Location>
<Directory "{site}/directory">
    Require all granted
</Directory>
"""
STORED = bytes(range(256)) * 64


@pytest.fixture(scope="module")
def httpd(module_site: Path):
    zips = module_site / "zips"
    zips.mkdir()
    (module_site / "directory").mkdir()
    (module_site / "directory/a.txt").write_text("the directory's")
    with zipfile.ZipFile(zips / "css.zip", "w") as archive:
        archive.writestr("stored.bin", STORED)
        archive.writestr("a.txt", TEXT, zipfile.ZIP_DEFLATED, 9)
        archive.writestr("site.css", "a { color: red }\n" * 100, zipfile.ZIP_DEFLATED)
        archive.writestr("page.html.gz", gzip.compress(b"<p>packed</p>"), zipfile.ZIP_DEFLATED)
        archive.writestr("run.py", "import httpdapi\n")
        archive.writestr("empty.txt", b"", zipfile.ZIP_DEFLATED)
        archive.writestr("sub/b.txt", "b")
        archive.writestr("deep/c.txt", "not this one")
        archive.writestr("directory/a.txt", "not this one")
        archive.writestr("zwei Wörter.txt", "two words")
    write_zip(zips / "more.zip", {"a.txt": "not this one", "more.txt": "more", "sub/d.txt": "d"})
    write_zip(zips / "deep.zip", {"c.txt": "c"})
    write_zip(zips / "index.zip", {"index.html": "index", "sub/index.html": "sub", "off/x": "x"})
    (zips / "broken.zip").write_text("PK this is no archive")
    with archive_httpd(module_site, SECTIONS) as running:
        running.log.expect("HDPY0020: ArchiveAlias: " + str(zips / "missing.zip") + " is not there")
        running.log.expect("broken.zip is no zip archive: it is too short")
        running.log.allow("HDPY0022")
        yield running


def ask(httpd: Httpd, path: str, method: str = "GET", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request(httpd.port, method, f"/{path}", headers=named)


def test_a_stored_member(httpd: Httpd):
    answer = ask(httpd, "css/stored.bin")
    assert (answer.status, answer.body) == (200, STORED)
    assert answer.headers["Content-Length"] == str(len(STORED))
    assert "Content-Encoding" not in answer.headers and "Vary" not in answer.headers
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Last-Modified"] and answer.headers["ETag"][0] == '"'


def test_a_deflated_member_for_a_client_that_takes_gzip(httpd: Httpd):
    answer = ask(httpd, "css/a.txt", Accept_Encoding="br, gzip")
    assert gzip.decompress(answer.body) == TEXT.encode()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.type == "text/plain"


def test_a_deflated_member_for_others(httpd: Httpd):
    answer = ask(httpd, "css/a.txt")
    assert answer.body == TEXT.encode()
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Length"] == str(len(TEXT))
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip", True),
        ("x-gzip", True),
        ("GZIP;q=0.5", True),
        ("*", True),
        ("identity;q=0.5, *;q=0.7", True),
        ("gzip ; q=1.000, identity;q=0", True),
        ("br;q=1, gzip;q=0.8, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("identity", False),
        ("", False),
        ("deflate, br", False),
        ("identity, gzip;q=0.5", False),
        ("*;q=0", False),
        ("gzipped, not-gzip", False),
        ("gzip;q=no", False),
    ],
)
def test_accept_encoding(httpd: Httpd, accepted: str, is_packed: bool):
    answer = ask(httpd, "css/a.txt", Accept_Encoding=accepted)
    assert (answer.headers["Content-Encoding"] == "gzip") == is_packed
    body = gzip.decompress(answer.body) if is_packed else answer.body
    assert body == TEXT.encode()


def test_a_member_that_is_encoded_already(httpd: Httpd):
    for accepted in ("gzip", "identity"):
        answer = ask(httpd, "css/page.html.gz", Accept_Encoding=accepted)
        assert answer.headers["Content-Encoding"] == "x-gzip"
        assert gzip.decompress(answer.body) == b"<p>packed</p>"
        assert answer.type == "text/html"


def test_content_types_come_from_names(httpd: Httpd):
    assert ask(httpd, "css/site.css").type == "text/css"
    assert ask(httpd, "css/a.txt").type == "text/plain"
    assert ask(httpd, "css/stored.bin").type is None


def test_scripts_are_content(httpd: Httpd):
    assert ask(httpd, "css/run.py").text == "import httpdapi\n"


def test_names(httpd: Httpd):
    assert ask(httpd, "css/zwei%20W%C3%B6rter.txt").text == "two words"
    assert ask(httpd, "css//sub/../sub/./b.txt").text == "b"
    assert ask(httpd, "css/empty.txt").body == b""
    for path in ("css", "css/none", "css/a.txt/", "css/a.txt/more", "css/A.txt", "cssa.txt"):
        assert ask(httpd, path).status in (301, 404), path


def test_of_several_archives_the_first_that_has_it(httpd: Httpd):
    assert ask(httpd, "css/a.txt").body == TEXT.encode()
    assert ask(httpd, "css/more.txt").text == "more"
    assert ask(httpd, "css/sub/d.txt").text == "d"


def test_more_components_come_first(httpd: Httpd):
    assert ask(httpd, "css/deep/c.txt").text == "c"
    assert ask(httpd, "css/directory/a.txt").text == "the directory's"


def test_at_one_path_a_file_comes_before_a_member(httpd: Httpd):
    assert ask(httpd, "files/a.txt").text == "the directory's"
    assert ask(httpd, "files/stored.bin").body == STORED
    assert ask(httpd, "files/none").status == 404


def test_directories(httpd: Httpd):
    assert ask(httpd, "index/").text == "index"
    assert ask(httpd, "index/sub/").text == "sub"
    for path in ("index", "index/sub"):
        answer = ask(httpd, f"{path}?a=b")
        assert answer.status == 301
        assert answer.headers["Location"].endswith(f"/{path}/?a=b")
    assert ask(httpd, "css/sub/").status == 404
    assert ask(httpd, "index/off/").status == 404


def test_methods(httpd: Httpd):
    for path in ("css/a.txt", "css/stored.bin"):
        head = ask(httpd, path, "HEAD")
        got = ask(httpd, path)
        assert head.status == 200 and head.body == b""
        for name in ("Content-Length", "ETag", "Last-Modified", "Vary"):
            assert head.headers[name] == got.headers[name]
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            refused = ask(httpd, path, method)
            assert refused.status == 405
            assert {"GET", "HEAD", "OPTIONS"} <= set(refused.headers["Allow"].split(","))
        options = ask(httpd, path, "OPTIONS")
        assert options.status == 200 and "GET" in options.headers["Allow"]


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
@pytest.mark.parametrize("path", ["css/a.txt", "css/stored.bin"])
def test_conditions(httpd: Httpd, path: str, accepted: str):
    def get(**headers: str):
        return ask(httpd, path, Accept_Encoding=accepted, **headers)

    whole = get()
    tag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
    assert get(If_None_Match=tag).status == 304
    assert get(If_None_Match=f'"x", {tag}').headers["ETag"] == tag
    assert get(If_None_Match='"other"').status == 200
    assert get(If_Modified_Since=modified).status == 304
    assert get(If_Modified_Since="Tue, 01 Jan 1980 00:00:00 GMT").status == 200
    assert get(If_Match='"other"').status == 412
    assert get(If_Unmodified_Since="Tue, 01 Jan 1980 00:00:00 GMT").status == 412
    assert get(If_Range=tag, Range="bytes=0-9").body == whole.body[:10]
    assert get(If_Range='"other"', Range="bytes=0-9").body == whole.body
    assert get(If_Range=modified, Range="bytes=0-9").status in (200, 206)


def test_each_representation_has_its_own_tag(httpd: Httpd):
    packed = ask(httpd, "css/a.txt", Accept_Encoding="gzip").headers["ETag"]
    plain = ask(httpd, "css/a.txt").headers["ETag"]
    assert packed != plain
    assert ask(httpd, "css/a.txt", Accept_Encoding="gzip", If_None_Match=plain).status == 200
    assert ask(httpd, "css/a.txt", If_Range=packed, Range="bytes=0-9").status == 200


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
@pytest.mark.parametrize("path", ["css/a.txt", "css/stored.bin"])
def test_ranges_are_of_the_representation(httpd: Httpd, path: str, accepted: str):
    whole = ask(httpd, path, Accept_Encoding=accepted)
    size = len(whole.body)
    for first, last in ((0, 0), (5, 14), (9, 10), (100, size - 1), (size - 9, size + 100)):
        part = ask(httpd, path, Accept_Encoding=accepted, Range=f"bytes={first}-{last}")
        assert part.status == 206
        assert part.body == whole.body[first : last + 1]
        assert part.headers["Content-Range"] == f"bytes {first}-{min(last, size - 1)}/{size}"
        assert part.headers["ETag"] == whole.headers["ETag"]
        assert part.headers["Content-Encoding"] == whole.headers["Content-Encoding"]
    assert ask(httpd, path, Accept_Encoding=accepted, Range="bytes=-7").body == whole.body[-7:]
    assert ask(httpd, path, Accept_Encoding=accepted, Range=f"bytes={size}-").status == 416
    several = ask(httpd, path, Accept_Encoding=accepted, Range="bytes=0-3,20-29")
    assert several.status == 206 and several.type.startswith("multipart/byteranges")
    assert whole.body[:4] in several.body and whole.body[20:30] in several.body


def test_a_missing_or_broken_archive_is_503_until_it_is_right(httpd: Httpd):
    zips = httpd.site / "zips"
    for name in ("missing", "broken"):
        assert ask(httpd, f"{name}/a.txt").status == 503
        write_zip(zips / f"{name}.zip", {"a.txt": "right"})
        assert ask(httpd, f"{name}/a.txt").text == "right"


def test_members_are_what_zipfile_has(httpd: Httpd):
    with zipfile.ZipFile(httpd.site / "zips/css.zip") as archive:
        for info in archive.infolist():
            if info.filename.startswith(("deep/", "directory/")):
                continue
            answer = ask(httpd, "css/" + info.filename.replace(" ", "%20").replace("ö", "%C3%B6"))
            assert zlib.crc32(answer.body) == info.CRC


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ArchiveAlias css x.zip", "begins with a slash"),
        ("ArchiveAlias /css", "takes two arguments"),
        ("<Directory />\nArchiveAlias /css x.zip\n</Directory>", "not allowed"),
    ],
)
def test_configuration(tmp_site: Path, line: str, said: str):
    status, output = configtest(tmp_site, line)
    assert status and said in output


def test_virtual_hosts_have_their_own_and_the_servers(tmp_site: Path):
    write_zip(tmp_site / "server.zip", {"a.txt": "server's", "s.txt": "server's"})
    write_zip(tmp_site / "host.zip", {"a.txt": "host's"})
    sections = """
ArchiveAlias /zip "{site}/server.zip"
ArchiveAlias /server "{site}/server.zip"
<VirtualHost 127.0.0.1:${PORT}>
    ServerName localhost
    ArchiveAlias /zip "{site}/host.zip"
</VirtualHost>
"""
    with archive_httpd(tmp_site, sections) as httpd:
        assert httpd.text("zip/a.txt") == "host's"
        assert httpd.text("zip/s.txt") == httpd.text("server/a.txt") == "server's"


def test_processes_without_threads(tmp_site: Path):
    archive = write_zip(tmp_site / "a.zip", {"a.txt": TEXT})
    with archive_httpd(tmp_site, 'ArchiveAlias / "{site}/a.zip"', mpm="prefork") as httpd:
        for text in (TEXT, "new"):
            write_zip(archive, {"a.txt": text})
            for _ in range(20):
                assert httpd.text("a.txt") == text
        assert gzip.decompress(httpd.get("a.txt", **{"Accept-Encoding": "gzip"}).body) == b"new"
        # DocumentRoot has what the archive has not
        (tmp_site / "b.txt").write_text("b")
        assert httpd.text("b.txt") == "b"


def test_what_else_apache_maps(tmp_site: Path):
    """Redirects come before, what names a file by a pattern after."""
    write_zip(tmp_site / "a.zip", {"a.txt": "a", "moved.txt": "a", "rewritten.txt": "a"})
    (tmp_site / "file.txt").write_text("file")
    sections = """
ArchiveAlias /zip "{site}/a.zip"
Redirect /zip/moved.txt http://elsewhere.example/
AliasMatch "^/zip/(a|none).txt$" "{site}/file.txt"
RewriteEngine On
RewriteRule "^/zip/gone.txt$" - [G]
RewriteRule "^/zip/rewritten.txt$" "{site}/file.txt"
RewriteRule "^/other/(.*)$" "/zip/$1" [PT]
"""
    with archive_httpd(tmp_site, sections, modules=("rewrite",)) as httpd:
        assert httpd.get("zip/moved.txt").status == 302
        assert httpd.get("zip/gone.txt").status == 410
        assert httpd.text("zip/a.txt") == "a"
        assert httpd.text("zip/none.txt") == "file"
        assert httpd.text("zip/rewritten.txt") == "a"
        assert httpd.text("other/a.txt") == "a"
