"""Writes the archives that fuzzing begins with into a directory."""

import io
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.archives import Member, archive_of, deflated


def made_by_zipfile(**how) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"a comment"
        archive.writestr("a/stored.txt", b"stored" * 3, zipfile.ZIP_STORED)
        archive.writestr("a/deflated.txt", b"deflated " * 50)
        with archive.open("b.txt", "w", **how) as member:
            member.write(b"written")
    return file.getvalue()


def archives() -> dict[str, bytes]:
    text = b"the quick brown fox jumps over the lazy dog " * 20
    good = Member(name=b"good.txt", data=text, method=8)
    names = [Member(name=name) for name in (b"a", b"a/b", b"a/", b"../x", "ü".encode("cp437"))]
    return {
        "zipfile": made_by_zipfile(),
        "zip64": made_by_zipfile(force_zip64=True),
        "good": archive_of(good),
        "empty": archive_of(),
        "names": archive_of(*names, Member(name="ü".encode(), flags=0x800)),
        "prepended": b"#!/bin/sh\n" + archive_of(good),
        "crc": archive_of(Member(name=b"x", data=text, method=8, crc=1)),
        "size": archive_of(Member(name=b"x", data=text, method=8, size=5)),
        "truncated": archive_of(Member(name=b"x", data=text, packed=deflated(text)[:-3], method=8)),
        "overlapping": archive_of(good, Member(name=b"x", data=b"d", packed_size=99, size=99)),
        "comment": archive_of(good, comment=b"PK\5\6" + bytes(20)),
        "encodings": b"gzip;q=0.5, identity;q=0, *;q=1.000",
    }


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in archives().items():
        (directory / name).write_bytes(data)
