"""Archives that lie: a clear line in the log and an error, never a wrong byte, never a crash."""

import gzip
import http.client
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from support.archives import PADDING, TEXT, Member, archive_httpd, archive_of, deflated
from support.httpd import Httpd
from support.site import request

from httpdapy.apache import installation

ONE_WAY = True

DEFLATED = zipfile.ZIP_DEFLATED
TEXT_BYTES = TEXT.encode()
GOOD = Member(name=b"good.txt", data=b"good")
LONG = b"abcdefgh" * 400_000


def zip64_extra(*numbers: int) -> bytes:
    return struct.pack("<HH", 1, 8 * len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


#: Members that are refused, with the status and what the log says; beside one that is good.
REFUSED = {
    "crc of a stored one": (Member(name=b"x", data=b"data", crc=1), 500, "another sum"),
    "crc of a deflated one": (
        Member(name=b"x", data=TEXT_BYTES, method=DEFLATED, crc=1),
        500,
        "another sum",
    ),
    "larger size": (
        Member(name=b"x", data=TEXT_BYTES, method=DEFLATED, size=len(TEXT) + 1),
        500,
        "less than its size",
    ),
    "smaller size": (
        Member(name=b"x", data=TEXT_BYTES, method=DEFLATED, size=len(TEXT) - 1),
        500,
        "more than its size",
    ),
    "no size": (
        Member(name=b"x", data=TEXT_BYTES, method=DEFLATED, size=0),
        500,
        "more than its size",
    ),
    "two sizes": (Member(name=b"x", data=b"data", size=3), 500, "two sizes"),
    "damaged data": (
        Member(name=b"x", data=TEXT_BYTES, method=DEFLATED, packed=b"\xff" + deflated(b"x")),
        500,
        "cannot be unpacked",
    ),
    "truncated data": (
        Member(name=b"x", data=TEXT_BYTES, method=DEFLATED, packed=deflated(TEXT_BYTES)[:-5]),
        500,
        "less than its size",
    ),
    "data after its end": (
        Member(name=b"x", data=TEXT_BYTES, method=DEFLATED, packed=deflated(TEXT_BYTES) + b"more"),
        500,
        "goes on where it ends",
    ),
    "overlapping": (Member(name=b"x", data=b"d", packed_size=100, size=100), 500, "overlaps"),
    "another header's name": (Member(name=b"x", local_name=b"y", data=b"d"), 500, "another name"),
    "a shared header": (Member(name=b"x", data=b"good", at=0), 500, "another name"),
    "header in the data": (Member(name=b"x", data=b"d", at=45), 500, "not where"),
    "header behind": (Member(name=b"x", data=b"d", at=0x7FFFFFFF), 500, "not where"),
    "header far behind": (
        Member(name=b"x", data=b"d", at=0xFFFFFFFF, extra=zip64_extra(2**64 - 1)),
        500,
        "not where",
    ),
    "sizes of exabytes": (
        Member(
            name=b"x",
            data=b"d",
            size=0xFFFFFFFF,
            packed_size=0xFFFFFFFF,
            extra=zip64_extra(2**64 - 1, 2**64 - 1),
        ),
        500,
        "overlaps",
    ),
    "encrypted": (Member(name=b"x", data=b"d", flags=1), 404, "it is encrypted"),
    "a link": (
        Member(name=b"x", data=b"/etc/passwd", attributes=0o120777 << 16),
        404,
        "symbolic link",
    ),
    **{
        name: (Member(name=b"x", data=b"d", method=method), 404, said)
        for name, method, said in (
            ("bzip2", 12, "compressed by bzip2"),
            ("lzma", 14, "compressed by LZMA"),
            ("zstd", 93, "compressed by Zstandard"),
            ("method 99", 99, "compressed by method 99"),
        )
    },
}
#: Archives that are refused whole, with what the log says.
BROKEN = {
    "empty": (b"", "too short"),
    "text": (b"this is no archive" * 10, "is no zip archive"),
    "without its end": (archive_of(GOOD)[:-3], "its end is missing"),
    "truncated": (archive_of(GOOD, Member(name=b"b"))[-60:], "its end does not say where"),
    "too many": (archive_of(GOOD, count=2), "has 1 members instead of 2"),
    "too few": (archive_of(GOOD, Member(name=b"b"), count=1), "has 2 members instead of 1"),
    "smaller directory": (archive_of(GOOD, directory_size=40), "does not say where"),
    "larger directory": (archive_of(GOOD, directory_size=2**31), "does not say where"),
    "directory behind": (archive_of(GOOD, directory_at=2**31), "does not say where"),
    "one part of several": (archive_of(GOOD, disk=1), "one part of several"),
    "a member of another part": (archive_of(Member(name=b"x", disk=3)), "add up at member 1 of 1"),
    "large numbers without them": (
        archive_of(Member(name=b"x", data=b"d", size=0xFFFFFFFF, extra=struct.pack("<HH", 1, 0))),
        "add up at member 1 of 1",
    ),
    "a name beyond the end": (
        flipped(archive_of(GOOD), len(archive_of(GOOD)) - 22 - 8 - 17),
        "add up at member 1 of 1",
    ),
}
#: Archives that look odd, and are not wrong: member, its data.
RIGHT = {
    "prepended data": (b"#!/bin/sh\nexit\n" + archive_of(GOOD), "good.txt", b"good"),
    "appended data": (archive_of(GOOD) + b"\r\n\r\n", "good.txt", b"good"),
    "comment": (archive_of(GOOD, comment=b"a comment"), "good.txt", b"good"),
    "an end in the comment": (
        archive_of(GOOD, comment=b"PK\5\6" + bytes(18) + b" and more"),
        "good.txt",
        b"good",
    ),
    "duplicates": (
        archive_of(Member(name=b"x", data=b"first"), Member(name=b"x", data=b"second"), GOOD),
        "x",
        b"second",
    ),
    "nothing deflated to nothing": (
        archive_of(Member(name=b"x", method=DEFLATED, packed=b"")),
        "x",
        b"",
    ),
    "no date": (archive_of(Member(name=b"x", data=b"d")).replace(b"\x21\x50", b"\0\0"), "x", b"d"),
    "a name for another name": (
        archive_of(
            Member(name=b"x", data=b"d", extra=struct.pack("<HHBI", 0x7075, 6, 1, 0) + b"y")
        ),
        "x",
        b"d",
    ),
    "extra fields that do not add up": (
        archive_of(Member(name=b"x", data=b"d", extra=b"\x55\x54\xff\xff\1")),
        "x",
        b"d",
    ),
}
UNSAFE = [
    b"../up.txt", b"a/../b.txt", b"..", b"/etc/passwd", b"a\\b.txt", b"..\\up.txt", b"nul\0.txt",
    b"a//b.txt", b"a/./b.txt", b"", b"/", b"\xff\xfe.txt",
]  # fmt: skip


def alias(number: int) -> str:
    return f"ArchiveAlias /{number} {{site}}/{number}.zip\n"


@pytest.fixture(scope="module")
def httpd(module_site: Path):
    archives = [archive_of(GOOD, member) for member, _, _ in REFUSED.values()]
    archives += [data for data, _ in BROKEN.values()]
    archives += [data for data, _, _ in RIGHT.values()]
    names = (Member(name=name, data=b"x", flags=0x800) for name in UNSAFE)
    archives.append(archive_of(GOOD, *names))
    for number, data in enumerate(archives):
        (module_site / f"{number}.zip").write_bytes(data)
    sections = "".join(map(alias, range(len(archives))))
    with archive_httpd(module_site, sections) as running:
        for tag in ("HDPY0020", "HDPY0022", "HDPY0026"):
            running.log.allow(tag)
        yield running


def error_log(httpd: Httpd) -> list[str]:
    return (httpd.root / "error.log").read_text().splitlines()


@pytest.mark.parametrize("name", REFUSED)
def test_a_member_that_is_refused(httpd: Httpd, name: str):
    _, status, said = REFUSED[name]
    number = list(REFUSED).index(name)
    for headers in ({}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=0-0"}):
        answer = request(httpd.port, "GET", f"/{number}/x", headers=headers)
        assert answer.status == status
        assert "DOCTYPE" in answer.text  # Apache's document, and nothing of the member
    assert any(said in line and f"/{number}.zip/x" in line for line in error_log(httpd))
    assert httpd.text(f"{number}/good.txt") == "good"


@pytest.mark.parametrize("name", BROKEN)
def test_an_archive_that_is_refused(httpd: Httpd, name: str):
    said = BROKEN[name][1]
    number = len(REFUSED) + list(BROKEN).index(name)
    assert httpd.get(f"{number}/good.txt").status == 503
    assert any(said in line and f"/{number}.zip " in line for line in error_log(httpd))


@pytest.mark.parametrize("name", RIGHT)
def test_an_archive_that_is_odd(httpd: Httpd, name: str):
    _, member, data = RIGHT[name]
    number = len(REFUSED) + len(BROKEN) + list(RIGHT).index(name)
    answer = httpd.get(f"{number}/{member}")
    assert (answer.status, answer.body) == (200, data)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "a/../b.txt", "%2fetc/passwd",
        "/etc/passwd", "a%5cb.txt", "..%5csecret.txt", "nul%00.txt", "a//b.txt", "a/./b.txt",
        "..;/secret.txt", "%ff%fe.txt", "good.txt%00", "good.txt%20", "good.txt.", "x" * 4000,
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere(httpd: Httpd, path: str):
    number = len(REFUSED) + len(BROKEN) + len(RIGHT)
    answer = httpd.get(f"{number}/{path}")
    assert answer.status in (400, 403, 404)
    assert any(f"/{number}.zip: {len(UNSAFE)} members are left out" in x for x in error_log(httpd))


# ---- large members -------------------------------------------------------------------------------

#: Longer than what is compared with its sum before it is sent.
HUGE = b"abcdefgh" * 9_000_000


@pytest.fixture(scope="module")
def large(module_site: Path):
    long, huge = deflated(LONG), deflated(HUGE)
    sizes = {"size": len(HUGE), "crc": zlib.crc32(HUGE), "method": DEFLATED}
    members = [
        Member(name=b"right.txt", data=LONG, packed=long, method=DEFLATED),
        Member(name=b"long-crc.txt", data=LONG, packed=long, method=DEFLATED, crc=1),
        Member(name=b"stored-crc.bin", data=LONG, crc=1),
        Member(name=b"huge.txt", packed=huge, **sizes),
        Member(name=b"crc.txt", packed=huge, **{**sizes, "crc": 1}),
        Member(name=b"short.txt", packed=huge, **{**sizes, "size": len(HUGE) + 1}),
        Member(name=b"long.txt", packed=huge, **{**sizes, "size": len(HUGE) - 1}),
        Member(name=b"damaged.txt", packed=flipped(huge, 20000), **sizes),
        Member(name=b"hidden.txt", packed=huge, **{**sizes, "size": 2_000_000}),
    ]
    (module_site / "large.zip").write_bytes(archive_of(*members, PADDING))
    with archive_httpd(module_site, "ArchiveAlias /zip {site}/large.zip\n") as running:
        for tag in ("HDPY0024", "HDPY0026"):
            running.log.allow(tag)
        yield running


def received(httpd: Httpd, path: str, **headers: str) -> tuple[int, int, bytes]:
    """Status, announced length and what came of the body; 0 if nothing came at all."""
    connection = http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=30)
    connection.request("GET", f"/{path}", headers=headers)
    pieces = []
    try:
        answer = connection.getresponse()
        while piece := answer.read1(1 << 20):
            pieces.append(piece)
    except http.client.RemoteDisconnected:
        return 0, 1, b""
    except (http.client.IncompleteRead, ConnectionResetError):
        pass
    finally:
        connection.close()
    return answer.status, int(answer.headers["Content-Length"]), b"".join(pieces)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("name", ["crc.txt", "short.txt", "long.txt", "damaged.txt"])
def test_a_huge_member_that_is_wrong_is_cut_short(large: Httpd, name: str, coding: str):
    status, announced, body = received(large, f"zip/{name}", **{"Accept-Encoding": coding})
    assert status in (0, 200) and len(body) < announced


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("name", ["long-crc.txt", "stored-crc.bin", "hidden.txt"])
def test_a_large_member_that_is_wrong_is_not_sent(large: Httpd, name: str, coding: str):
    assert received(large, f"zip/{name}", **{"Accept-Encoding": coding})[0] == 500
    assert received(large, f"zip/{name}", Range="bytes=0-9")[0] == 500


def test_a_large_member(large: Httpd):
    for _ in range(2):  # which is not compared the second time
        assert received(large, "zip/right.txt")[2] == LONG
        packed = received(large, "zip/right.txt", **{"Accept-Encoding": "gzip"})[2]
        assert gzip.decompress(packed) == LONG
    for first, last in ((0, 9), (1_000_000, 1_500_000), (len(LONG) - 5, len(LONG) - 1)):
        part = received(large, "zip/right.txt", Range=f"bytes={first}-{last}")
        assert (part[0], part[2]) == (206, LONG[first : last + 1])
    answer = large.get("zip/right.txt", Range="bytes=2000001-2000009,5-9")
    assert answer.status == 206
    assert LONG[2_000_001:2_000_010] in answer.body and LONG[5:10] in answer.body


@pytest.mark.skipif(
    not (installation.find().modules / "mod_deflate.so").exists(),
    reason="this Apache has no mod_deflate",
)
def test_what_mod_deflate_makes_of_it(tmp_site: Path):
    """It packs what is stored, leaves alone what is packed, and ends nothing that is cut short."""
    with zipfile.ZipFile(tmp_site / "a.zip", "w") as archive:
        archive.writestr("stored.txt", TEXT)
        archive.writestr("deflated.txt", TEXT, DEFLATED)
        archive.writestr("huge.bin", bytes(70_000_000))
        archive.getinfo("huge.bin").CRC ^= 1
    sections = """
ArchiveAlias /zip {site}/a.zip
<Location /zip>
    SetOutputFilter DEFLATE
</Location>
"""
    with archive_httpd(tmp_site, sections, modules=("filter", "deflate")) as httpd:
        httpd.log.expect(
            "HDPY0024: member huge.bin of an archive is cut short: its data has another"
        )
        httpd.log.allow("AH10298")  # mod_deflate says so, too
        for name in ("stored.txt", "deflated.txt"):
            answer = httpd.get(f"zip/{name}", **{"Accept-Encoding": "gzip"})
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Vary"] == "Accept-Encoding"
            assert gzip.decompress(answer.body) == TEXT_BYTES
            assert httpd.get(f"zip/{name}").body == TEXT_BYTES
        with pytest.raises((http.client.HTTPException, OSError)):
            httpd.get("zip/huge.bin", **{"Accept-Encoding": "gzip"})


def memory_kb(httpd: Httpd) -> int:
    """Peak memory of the server's processes."""
    assert httpd.process is not None
    children = Path(f"/proc/{httpd.process.pid}/task/{httpd.process.pid}/children").read_text()
    peaks = (Path(f"/proc/{child}/status").read_text() for child in children.split())
    return max(int(text.partition("VmHWM:")[2].split()[0]) for text in peaks)


def test_unpacking_takes_no_memory(large: Httpd):
    received(large, "zip/right.txt")
    before = memory_kb(large)
    for _ in range(2):
        assert received(large, "zip/huge.txt")[2] == HUGE
        packed = received(large, "zip/huge.txt", **{"Accept-Encoding": "gzip"})[2]
        assert gzip.decompress(packed) == HUGE
    part = received(large, "zip/huge.txt", Range="bytes=71000001-71000009")
    assert part[2] == HUGE[71_000_001:71_000_010]
    received(large, "zip/hidden.txt")
    assert memory_kb(large) - before < 10_000
