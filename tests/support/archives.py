"""Zip archives for the tests, and an Apache that serves them."""

import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .httpd import Httpd

#: Text that takes some work to pack.
TEXT = "".join(f"{n}: the quick brown fox jumps over the lazy dog\n" for n in range(400))


def write_zip(
    path: Path, members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    """An archive of *members*, under another name first: it is renamed when it is complete."""
    new = path.with_name(f"{path.name}.new")
    with zipfile.ZipFile(new, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    new.chmod(0o644)
    new.replace(path)
    return path


def archive_httpd(site: Path, sections: str, **how) -> Httpd:
    """An Apache with *sections*, where {site} is the site."""
    return Httpd(site, sections.replace("{site}", str(site)), **how)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member with whatever an archive may say of it; what is left out is true.

    packed: its bytes in the archive.
    local_name: in its local header, at least.
    at: its local header is said to be there.
    """

    name: bytes
    data: bytes = b""
    method: int = zipfile.ZIP_STORED
    flags: int = 0
    packed: bytes | None = None
    packed_size: int | None = None
    size: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    extra: bytes = b""
    attributes: int = 0
    at: int | None = None
    disk: int = 0

    def bytes_packed(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflated(self.data) if self.method == zipfile.ZIP_DEFLATED else self.data

    def fields(self) -> tuple[int, ...]:
        packed = len(self.bytes_packed()) if self.packed_size is None else self.packed_size
        size = len(self.data) if self.size is None else self.size
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        # version, flags, method, time, date: noon of 2020-01-01
        return (20, self.flags, self.method, 0x6000, 0x5021, crc, packed, size)

    def header(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        return struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *self.fields(), len(name), 0) + name

    def record(self, at: int) -> bytes:
        fixed = struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\1\2",
            3 << 8 | 20,
            *self.fields(),
            len(self.name),
            len(self.extra),
            0,
            self.disk,
            0,
            self.attributes,
            at if self.at is None else self.at,
        )
        return fixed + self.name + self.extra


#: Makes an archive so large that it is not copied into memory.
PADDING = Member(name=b"padding", data=bytes(9_000_000))


def deflated(data: bytes) -> bytes:
    """As it is in archives."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def archive_of(
    *members: Member,
    comment: bytes = b"",
    count: int | None = None,
    directory_size: int | None = None,
    directory_at: int | None = None,
    disk: int = 0,
) -> bytes:
    """An archive that says what it is told to."""
    data, records = b"", b""
    for member in members:
        records += member.record(len(data))
        data += member.header() + member.bytes_packed()
    count = len(members) if count is None else count
    end = struct.pack(
        "<4sHHHHIIH",
        b"PK\5\6",
        disk,
        disk,
        count,
        count,
        len(records) if directory_size is None else directory_size,
        len(data) if directory_at is None else directory_at,
        len(comment),
    )
    return data + records + end + comment
