"""How text becomes bytes."""

import pytest

from httpdapy.handlers import content


@pytest.mark.parametrize(
    ("given", "declared", "codec"),
    [
        ("text/html", "text/html; charset=utf-8", "utf-8"),
        ("TEXT/plain", "TEXT/plain; charset=utf-8", "utf-8"),
        ("text/html; charset=latin-1", "text/html; charset=latin-1", "latin-1"),
        ('text/html;Charset="UTF-16"', 'text/html;Charset="UTF-16"', "UTF-16"),
        ("text/html; level=1", "text/html; level=1; charset=utf-8", "utf-8"),
        ("application/json", "application/json", "utf-8"),
        ("image/svg+xml", "image/svg+xml; charset=utf-8", "utf-8"),
        ("image/png", "image/png", "utf-8"),
    ],
)
def test_text_type(given: str, declared: str, codec: str):
    assert content.text_type(given) == (declared, codec)


def test_unknown_charset():
    with pytest.raises(LookupError, match="klingon"):
        content.text_type("text/html; charset=klingon")


def test_types_do_not_pile_up():
    for n in range(1000):
        content.text_type(f"text/x-{n}")
    assert len(content._types) <= 256


def test_pieces_closes_what_it_was_given():
    closed = []

    def generator():
        try:
            yield "a"
            yield ""
            yield b"b"
            yield 3
        finally:
            closed.append(True)

    assert list(content.pieces(generator(), "utf-8")) == [b"a", b"b", b"3"]
    assert closed == [True]
    pieces = content.pieces(generator(), "utf-8")
    next(pieces)
    pieces.close()
    assert closed == [True, True]
