"""Random archives: what Apache sends of each member is what zipfile has."""

import gzip
import http.client
import io
import urllib.parse
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.archives import PADDING, archive_httpd
from support.httpd import Httpd

ONE_WAY = True

COMPONENTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\\\0"), min_size=1, max_size=12
).filter(lambda text: text not in (".", ".."))
NAMES = st.lists(COMPONENTS, min_size=1, max_size=3).map("/".join)
DATA = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda text, times: text * times, st.binary(max_size=20), st.integers(1, 5000)),
)
METHODS = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
MEMBERS = st.lists(
    st.tuples(NAMES, DATA, METHODS, st.integers(0, 9)), max_size=6, unique_by=lambda item: item[0]
)
PLACES = st.floats(0, 1)


@pytest.fixture(scope="module")
def httpd(module_site: Path):
    (module_site / "a.zip").write_bytes(archive([], b"", b"", False))
    with archive_httpd(module_site, 'ArchiveAlias /zip "{site}/a.zip"') as running:
        yield running


def archive(members: list, comment: bytes, before: bytes, is_large: bool) -> bytes:
    file = io.BytesIO(before)
    file.seek(len(before))
    with zipfile.ZipFile(file, "a") as written:
        written.comment = comment
        for name, data, method, level in members:
            written.writestr(name, data, method, level)
        if is_large:
            written.writestr(PADDING.name.decode(), PADDING.data)
    return file.getvalue()


@settings(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    members=MEMBERS,
    comment=st.binary(max_size=40),
    before=st.binary(max_size=40),
    first=PLACES,
    last=PLACES,
    is_large=st.sampled_from([False, False, False, True]),
)
def test_every_member_is_what_zipfile_has(
    httpd: Httpd,
    members: list,
    comment: bytes,
    before: bytes,
    first: float,
    last: float,
    is_large: bool,
):
    data = archive(members, comment, before, is_large)
    new = httpd.site / "new.zip"
    new.write_bytes(data)
    new.replace(httpd.site / "a.zip")
    connection = http.client.HTTPConnection("127.0.0.1", httpd.port, timeout=30)
    with zipfile.ZipFile(io.BytesIO(data)) as expected, closing(connection):
        for name in expected.namelist():
            check_member(connection, name, expected.read(name), first, last)


def check_member(
    connection: http.client.HTTPConnection, name: str, expected: bytes, first: float, last: float
) -> None:
    def get(**headers: str) -> tuple[int, bytes, bool]:
        connection.request("GET", f"/zip/{urllib.parse.quote(name)}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers["Content-Encoding"] == "gzip"

    for coding in ("identity", "gzip"):
        accepted = {"Accept-Encoding": coding}
        status, whole, is_packed = get(**accepted)
        assert status == 200, name
        assert (gzip.decompress(whole) if is_packed else whole) == expected
        assert not is_packed or coding == "gzip"
        if not whole:
            continue
        start, end = sorted((int(first * (len(whole) - 1)), int(last * (len(whole) - 1))))
        status, part, _ = get(**accepted, Range=f"bytes={start}-{end}")
        assert (status, part) == (206, whole[start : end + 1])
        assert get(**accepted, Range="bytes=-3")[1] == whole[-3:]
        status, part, _ = get(**accepted, Range=f"bytes={start}-{start},{end}-")
        assert status == 206 and whole[end:] in part
