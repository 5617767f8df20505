"""Parameter blocks."""

from collections.abc import Iterator

import pytest

from httpdapy.handlers.pblock import Block


@pytest.fixture
def block() -> Block:
    return Block([("Name", "old"), ("path", "/x"), ("name", "value")])


def test_names_compare_without_case(block: Block):
    assert block["NAME"] == block.findval("nAmE") == "value" and "Name" in block
    assert dict(block) == {"name": "value", "path": "/x"}
    block["PATH"] = "/y"
    assert list(block.items()) == [("name", "value"), ("path", "/y")] and len(block) == 2


def test_words_of_nsapi(block: Block):
    block.nvinsert("New", "1")
    assert block.has_key("new") and list(block.keys())[-1] == "New"
    for _ in range(2):
        block.pblock_remove("NEW")
        assert not block.has_key("new")


def test_text(block: Block):
    assert block.pblock2str() == 'name="value" path="/x" '
    assert Block([("a", 'say "x\\y"')]).pblock2str() == 'a="say \\"x\\\\y\\"" '
    assert Block().pblock2str() == ""
    assert repr(block) == "{'name': 'value', 'path': '/x'}"


def test_none_deletes(block: Block):
    block["Name"] = None  # type: ignore[assignment]
    block["none"] = None  # type: ignore[assignment]
    assert dict(block) == {"path": "/x"}
    del block["Path"]
    assert len(block) == 0


@pytest.mark.parametrize("name", ["none", "", 5, None, ("a",)])
def test_what_is_not_there(block: Block, name: object):
    with pytest.raises(KeyError) as error:
        block[name]  # type: ignore[index]
    assert error.value.args == (name,)
    with pytest.raises(KeyError):
        del block[name]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no such parameter"):
        block.findval(name)  # type: ignore[arg-type]
    assert name not in block and block.get(name) is None  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("name", "value"), [("a", 5), ("a", b"x"), (5, "x"), (None, "x"), (5, None)]
)
def test_names_and_values_are_text(block: Block, name: object, value: object):
    with pytest.raises(TypeError, match="names and values are str"):
        block[name] = value  # type: ignore[index, assignment]
    assert len(block) == 2


class Asked(Block):
    """A block that counts how often it is asked for what it holds besides."""

    count = 0

    def _rest(self) -> Iterator[tuple[str, str]]:
        self.count += 1
        yield "name", "other"
        yield "late", "1"


def test_what_comes_later_is_asked_for_once_and_when_it_is_needed():
    block = Asked([("name", "value")])
    assert block["name"] == "value" and block.count == 0
    assert block["Late"] == "1" and list(block) == ["name", "late"] and block.count == 1
    assert block["name"] == "value"


def test_what_comes_later_does_not_come_back():
    block = Asked()
    del block["late"]
    block["name"] = "mine"
    assert dict(block) == {"name": "mine"} and block.count == 1
