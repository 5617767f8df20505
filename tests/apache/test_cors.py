"""apache/cors.py: which origins may be listed."""

import pytest

from httpdapy.apache.cors import cors
from httpdapy.apache.errors import ConfigError


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org",
        "http://localhost:3000",
        "http://127.0.0.1:8008",
        "http://[::1]:8008",
        "https://xn--bcher-kva.example",
        "moz-extension://0123-abcd",
        "null",
    ],
)
def test_origins(origin: str):
    assert f"in {{'{origin}'}}" in cors([origin])


def test_no_origins_need_no_lines():
    assert cors([]) == ""


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.org/",
        "https://example.org/path",
        "example.org",
        "https://Example.org",
        "HTTPS://example.org",
        "https://bücher.example",
        "https://ann@example.org",
        "https://*.example.org",
        "*",
        "",
        "https://example.org' || true || '",
        'https://example.org"',
        "https://example.org\nRequire all granted",
        "${HOME}://a",
    ],
)
def test_what_no_browser_sends_is_refused(origin: str):
    with pytest.raises(ConfigError) as raised:
        cors(["https://example.org", origin])
    assert repr(origin) in str(raised.value)
