"""PythonOption pythonpath, without eval."""

import pytest

from httpdapy.interpreters.pythonpath import PythonPathError, evaluate

DEFAULT = ["/usr/lib/python3", "/site-packages"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("['.','/usr/lib/python']", ["/d", "/usr/lib/python"]),
        ("sys.path", DEFAULT),
        ("sys.path+['/x']", [*DEFAULT, "/x"]),
        ("['/x'] + sys.path", ["/x", *DEFAULT]),
        ("['/x'] + sys.path + ['lib', '../up']", ["/x", *DEFAULT, "/d/lib", "/up"]),
        ("('/x', '/y')", ["/x", "/y"]),
        ("[]", []),
        (" ['/x'] ", ["/x"]),
        ("['/x'] + (sys.path + ['/y'])", ["/x", *DEFAULT, "/y"]),
        ("['/a/../b/./c/']", ["/b/c"]),
    ],
)
def test_forms(text: str, expected: list[str]):
    assert evaluate(text, "/d", DEFAULT) == expected


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "[x for x in sys.path]",
        "sys.path * 2",
        "sys.path[1:]",
        "sys.modules",
        "os.path",
        "['/x', 1]",
        "['/x', b'/y']",
        "['/x' + '/y']",
        "[f'/x']",
        "['/x\\0']",
        "'/x'",
        "/srv/lib",
        "['/x'",
        "",
        "(" * 500 + "sys.path" + ")" * 500,
        "lambda: 0",
        "sys.path if 1 else []",
    ],
)
def test_everything_else_is_an_error_that_says_what_is_taken(text: str):
    with pytest.raises(PythonPathError, match=r"takes a list of strings, sys\.path, and their sum"):
        evaluate(text, "/d", DEFAULT)


def test_the_default_is_not_touched():
    default = list(DEFAULT)
    evaluate("sys.path + ['/x']", "/d", default)
    assert default == DEFAULT
