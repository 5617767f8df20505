"""What zip archives come as: zip64, names, descriptors, many members, more than 4 GiB."""

import asyncio
import io
import os
import re
import struct
import sys
import urllib.parse
import zipfile
import zlib
from pathlib import Path

import httpx
import pytest
from support.archives import PADDING, Member, archive_httpd, archive_of, deflated, write_zip
from support.httpd import Httpd
from support.site import request

from httpdapy.apache import installation

ONE_WAY = True

MANY = 100_000
HTTP2 = """
LoadModule http2_module "{modules}/mod_http2.so"
Protocols h2c http/1.1
"""
SIX_GB = 6 << 30


class Unseekable(io.BytesIO):
    """What zipfile cannot go back in: sizes come after the data, in descriptors."""

    def seekable(self) -> bool:
        return False

    def seek(self, *where: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def alias(name: str) -> str:
    return f"ArchiveAlias /{name} {{site}}/{name}.zip\n"


@pytest.fixture(scope="module")
def httpd(module_site: Path):
    with zipfile.ZipFile(module_site / "zip64.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.txt", "b.txt"):
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(name.encode())
    (module_site / "names.zip").write_bytes(
        archive_of(
            Member(name="grün/ü.txt".encode("cp437"), data=b"437"),
            Member(name="grün/ö.txt".encode(), data=b"utf-8", flags=0x800),
            Member(name="Ω≈ç√.txt".encode(), data=b"symbols", flags=0x800),
            Member(
                name=b"field.txt",
                data=b"field",
                extra=unicode_path(b"field.txt", "日本.txt".encode()),
            ),
            Member(name=b"./here.txt", data=b"here"),
            Member(name=b"directory/"),
            Member(name=b"a-b", data=b"a-b"),
            Member(name=b"a", data=b"a"),
            Member(name=b"a!/c", data=b"c"),
        )
    )
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("stored.txt", "stored", zipfile.ZIP_STORED)
        archive.writestr("deflated.txt", "deflated")
    (module_site / "stream.zip").write_bytes(stream.getvalue())
    with zipfile.ZipFile(module_site / "many.zip", "w") as archive:
        for n in range(MANY):
            archive.writestr(zipfile.ZipInfo(f"directory {n % 100}/member {n:06}.txt"), f"text {n}")
    with zipfile.ZipFile(module_site / "empty.zip", "w"):
        pass
    write_sparse(module_site)
    huge = deflated(bytes(68_000_000))
    (module_site / "wrong.zip").write_bytes(
        archive_of(
            Member(name=b"x", method=8, packed=huge, size=68_000_000, crc=1),
            Member(name=b"right", method=8, packed=huge, size=68_000_000, crc=crc_of_zeros()),
            PADDING,
        )
    )
    names = ("zip64", "names", "stream", "many", "empty", "sparse", "large", "wrong")
    sections = "".join(map(alias, names))
    if (installation.find().modules / "mod_http2.so").exists():
        sections += HTTP2.replace("{modules}", str(installation.find().modules))
    with archive_httpd(module_site, sections) as running:
        yield running


def crc_of_zeros() -> int:
    return zlib.crc32(bytes(68_000_000))


def unicode_path(name: bytes, path: bytes) -> bytes:
    data = struct.pack("<BI", 1, zlib.crc32(name)) + path
    return struct.pack("<HH", 0x7075, len(data)) + data


def write_sparse(site: Path) -> None:
    """sparse.zip has small members behind 6 GiB of nothing, large.zip one of 5 GB."""
    with (site / "sparse.zip").open("wb") as file:
        file.truncate(SIX_GB)
    with zipfile.ZipFile(site / "sparse.zip", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "far away" * 100)
    size = 5_000_000_000
    name, extra = b"large.bin", struct.pack("<HHQQ", 1, 16, size, size)
    header = struct.pack("<4s5HI2I2H", b"PK\3\4", 45, 0, 0, 0, 0x5021, 0, *[0xFFFFFFFF] * 2,
                         len(name), len(extra)) + name + extra  # fmt: skip
    record = struct.pack("<4s6HI2I5H2I", b"PK\1\2", 45, 45, 0, 0, 0, 0x5021, 0, *[0xFFFFFFFF] * 2,
                         len(name), len(extra), 0, 0, 0, 0, 0) + name + extra  # fmt: skip
    at = len(header) + size
    end = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(record), at)
    end += struct.pack("<4sIQI", b"PK\6\7", 0, at + len(record), 1)
    end += struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(record), 0xFFFFFFFF, 0)
    with (site / "large.zip").open("wb") as file:
        file.write(header)
        file.seek(at - 4)
        file.write(b"last")
        file.write(record + end)


def test_zip64(httpd: Httpd):
    assert httpd.text("zip64/a.txt") == "a.txt" and httpd.text("zip64/b.txt") == "b.txt"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("grün/ü.txt", "437"),
        ("grün/ö.txt", "utf-8"),
        ("Ω≈ç√.txt", "symbols"),
        ("日本.txt", "field"),
        ("here.txt", "here"),
        ("a", "a"),
        ("a-b", "a-b"),
        ("a!/c", "c"),
    ],
)
def test_names(httpd: Httpd, name: str, text: str):
    assert httpd.text(f"names/{urllib.parse.quote(name)}") == text


def test_data_descriptors(httpd: Httpd):
    assert httpd.text("stream/stored.txt") == "stored"
    assert httpd.text("stream/deflated.txt") == "deflated"


def test_an_empty_archive(httpd: Httpd):
    assert httpd.get("empty/a.txt").status == 404


def test_many_members(httpd: Httpd):
    for n in (0, 1, MANY // 2, MANY - 1):
        assert httpd.text(f"many/directory%20{n % 100}/member%20{n:06}.txt") == f"text {n}"
    assert httpd.get(f"many/directory%200/member%20{MANY:06}.txt").status == 404


def memory_kb(httpd: Httpd) -> int:
    """Private and shared memory of the server's child."""
    assert httpd.process is not None
    children = Path(f"/proc/{httpd.process.pid}/task/{httpd.process.pid}/children").read_text()
    text = Path(f"/proc/{children.split()[0]}/smaps_rollup").read_text()
    return int(re.search(r"^Rss: +(\d+)", text, re.MULTILINE)[1])


@pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer keeps what is freed"
)
def test_the_index_of_many_members_is_small(httpd: Httpd):
    site = httpd.site
    with (
        archive_httpd(site, alias("empty")) as without,
        archive_httpd(site, alias("many")) as having,
    ):
        for running in (without, having):
            running.get("many/directory%200/member%20000000.txt")
        assert memory_kb(having) - memory_kb(without) < 25_000


def test_members_far_away(httpd: Httpd):
    assert (httpd.site / "sparse.zip").stat().st_size > SIX_GB
    assert httpd.text("sparse/a.txt") == "far away" * 100


def test_a_member_of_more_than_4_gb(httpd: Httpd):
    head = request(httpd.port, "HEAD", "/large/large.bin")
    assert head.headers["Content-Length"] == "5000000000"
    answer = httpd.get("large/large.bin", Range="bytes=4999999990-")
    assert answer.status == 206 and answer.body == b"\0\0\0\0\0\0last"
    answer = httpd.get("large/large.bin", Range="bytes=4294967290-4294967300")
    assert answer.status == 206 and answer.body == bytes(11)


@pytest.mark.skipif(
    not (installation.find().modules / "mod_http2.so").exists(),
    reason="this Apache has no mod_http2",
)
def test_http2(httpd: Httpd):
    httpd.log.allow("HDPY0024")

    async def get() -> None:
        address = f"http://127.0.0.1:{httpd.port}"
        async with httpx.AsyncClient(http1=False, http2=True, base_url=address) as client:
            for coding in ("gzip", "identity"):
                coded = {"Accept-Encoding": coding}
                several = [client.get(f"/many/directory%20{n}/member%20{n:06}.txt", headers=coded)
                           for n in range(20)]  # fmt: skip
                answers = await asyncio.gather(*several)
                assert [answer.text for answer in answers] == [f"text {n}" for n in range(20)]
                answer = await client.get("/wrong/right", headers=coded, timeout=30)
                assert answer.content == bytes(68_000_000)
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get("/wrong/x", headers=coded, timeout=30)
                answer = await client.get("/sparse/a.txt", headers=coded)
                assert answer.text == "far away" * 100

    asyncio.run(get())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="zipfile of 3.11 has no mkdir")
def test_directories_of_zipfile(tmp_site: Path):
    with zipfile.ZipFile(tmp_site / "a.zip", "w") as archive:
        archive.mkdir("empty")
        archive.writestr("full/a.txt", "a")
    with archive_httpd(tmp_site, alias("a")) as httpd:
        assert httpd.get("a/empty").status == 301
        assert httpd.get("a/empty/").status == 404
        assert httpd.text("a/full/a.txt") == "a"


def test_settings_of_the_archives_directory(tmp_site: Path):
    zips = tmp_site / "zips"
    zips.mkdir()
    write_zip(zips / "a.zip", {"a.txt": "a", "b.html": "b", ".htpasswd": "secret"})
    sections = """
ArchiveAlias /zip {site}/zips/a.zip
<Directory {site}/zips>
    AllowOverride All
    AddType text/x-directory .txt
    <Files ".ht*">
        Require all denied
    </Files>
</Directory>
"""
    with archive_httpd(tmp_site, sections, modules=("headers",)) as httpd:
        httpd.log.allow("AH01630")
        assert httpd.get("zip/a.txt").type == "text/x-directory"
        assert httpd.get("zip/.htpasswd").status == 403
        (zips / ".htaccess").write_text(
            'Header set X-Zip yes\n<Files "*.html">\nRequire all denied\n</Files>\n'
        )
        assert httpd.get("zip/a.txt").headers["X-Zip"] == "yes"
        assert httpd.get("zip/b.html").status == 403
        (zips / ".htaccess").write_text("Require all denied\n")
        assert httpd.get("zip/a.txt").status == 403
        assert httpd.get("zip/none").status == 404


def test_an_auth_handler_protects_members(tmp_site: Path):
    zips = tmp_site / "zips"
    zips.mkdir()
    write_zip(zips / "a.zip", {"a.txt": "secret"})
    (zips / "auth.py").write_text(
        "import httpdapi\n"
        "class AuthHandler(httpdapi.AuthHandler):\n"
        "    def Handle(self):\n"
        "        if self.rq.headers.get('x-word') == 'sesame':\n"
        "            return httpdapi.REQ_PROCEED\n"
        "        return httpdapi.REQ_NOACTION\n"
    )
    sections = """
ArchiveAlias /zip {site}/zips/a.zip
<Directory {site}/zips>
    AuthPythonModule auth
</Directory>
"""
    with archive_httpd(tmp_site, sections) as httpd:
        refused = httpd.get("zip/a.txt")
        assert refused.status == 401 and "secret" not in refused.text
        for headers in ({"Range": "bytes=0-1"}, {"Accept-Encoding": "gzip"}, {"If-Match": "*"}):
            assert httpd.get("zip/a.txt", **headers).status == 401
        assert httpd.get("zip/a.txt", **{"X-Word": "sesame"}).text == "secret"
