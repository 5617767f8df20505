"""Settings, as the link hands them over."""

import pytest

from httpdapy.interpreters.settings import Settings, is_on, parse


def lines(*options: tuple[str, str, str]) -> str:
    return "\n".join(["/d", *(text for option in options for text in option)])


def test_none():
    options = parse("/d")
    assert options.directory == "/d"
    assert dict(options.options) == {} and (options.debug, options.autoreload) == (False, True)
    assert (options.rootpkg, options.handler, options.pythonpath) == ("", "", "")


def test_values_and_their_directories():
    options = parse(lines(("Colour", "dark red", "/srv"), ("debug", "1", "")))
    assert dict(options.options) == {"Colour": "dark red", "debug": "1"}
    assert dict(options.set_in) == {"Colour": "/srv", "debug": ""}
    assert options.debug
    assert options.directory_of("colour") == "/srv" and options.directory_of("none") == ""


def test_names_compare_without_case():
    options = parse(
        lines(("DEBUG", "on", ""), ("AutoReload", "Off", ""), ("Handler", "front", "/d"))
    )
    assert (options.debug, options.autoreload, options.handler) == (True, False, "front")


@pytest.mark.parametrize("off", ["0", "off", "no", "false", "OFF", "False", " no ", ""])
def test_off(off: str):
    assert not is_on(off)


@pytest.mark.parametrize("on", ["1", "on", "yes", "true", "2", "anything"])
def test_on(on: str):
    assert is_on(on)


def test_same_text_same_object():
    text = lines(("a", "1", ""))
    assert parse(text) is parse(text)


def test_many_texts_do_not_pile_up():
    from httpdapy.interpreters import settings

    for n in range(3000):
        parse(lines(("a", str(n), "")))
    assert len(settings._known) <= 1024


def test_damaged_text_is_noticed():
    with pytest.raises(ValueError):
        Settings("/d\na\n1")
