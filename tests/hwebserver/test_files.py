"""Conditional requests and ranges."""

import pytest

from httpdapy.handlers.headers import Headers
from httpdapy.hwebserver.files import MAX_RANGES, condition, ranges

TAG = '"abc"'
MODIFIED = "Sat, 21 Nov 2026 10:00:00 GMT"
BEFORE = "Sat, 21 Nov 2026 09:59:59 GMT"
AFTER = "Sat, 21 Nov 2026 10:00:01 GMT"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"If-None-Match": TAG}, 304),
        ({"If-None-Match": f'"x", W/{TAG}'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-None-Match": "abc"}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": AFTER}, 200),
        ({"If-Modified-Since": MODIFIED}, 304),
        ({"If-Modified-Since": AFTER}, 304),
        ({"If-Modified-Since": BEFORE}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Modified-Since": "Sat, 21 Nov 2026 10:00:00"}, 200),
        ({"If-Match": TAG}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": f"W/{TAG}"}, 412),
        ({"If-Unmodified-Since": MODIFIED}, 200),
        ({"If-Unmodified-Since": BEFORE}, 412),
        ({"If-Unmodified-Since": "yesterday"}, 200),
        ({"If-Match": TAG, "If-Unmodified-Since": BEFORE}, 200),
        ({"If-Match": TAG, "If-None-Match": TAG}, 304),
    ],
)
def test_condition(headers: dict[str, str], status: int):
    assert condition(Headers(headers.items()), TAG, MODIFIED) == status


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=2-4", [(2, 5)]),
        ("BYTES = 2-4", [(2, 5)]),
        ("bytes=5-", [(5, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-30", [(0, 10)]),
        ("bytes=5-99", [(5, 10)]),
        ("bytes=0-1, 8-", [(0, 2), (8, 10)]),
        ("bytes=0-1,20-30", [(0, 2)]),
        ("bytes=10-", []),
        ("bytes=-0", []),
        ("bytes=99999999999999999999-", []),
        ("bytes=4-2", None),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=1-2,", None),
        ("lines=1-2", None),
        ("1-2", None),
        ("bytes=²-", None),
        ("bytes=0-,0-,0-", None),
        ("bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1)), None),
    ],
)
def test_ranges(text: str, found):
    assert ranges(Headers([("Range", text)]), 10, TAG, MODIFIED) == found


@pytest.mark.parametrize(
    ("validator", "is_taken"),
    [(TAG, True), (MODIFIED, True), ('"x"', False), (f"W/{TAG}", False), (BEFORE, False)],
)
def test_if_range(validator: str, is_taken: bool):
    headers = Headers([("Range", "bytes=0-1"), ("If-Range", validator)])
    assert (ranges(headers, 10, TAG, MODIFIED) is not None) == is_taken
