"""What is said of errors that come from sub-interpreters: messages as the packages word them."""

import pytest

from httpdapy.interpreters.advice import advice

MESSAGES = [
    ("module lxml.etree does not support loading in subinterpreters", "module lxml does not load"),
    ("daemon threads are disabled in this interpreter", "daemon threads do not run"),
    ("daemon threads are disabled in this (sub)interpreter", "daemon threads do not run"),
    ("fork not supported for isolated subinterpreters", "os.fork does not work"),
    ("fork not supported for sub-interpreters", "os.fork does not work"),
]


@pytest.mark.parametrize(("message", "said"), MESSAGES)
def test_known_refusals(message: str, said: str):
    text = advice(ImportError(message), "/srv/d")
    assert text is not None and said in text
    assert "'PythonInterpreter main_interpreter' into /srv/d/.htaccess" in text


def test_cause_behind_another_error():
    error = RuntimeError("could not start")
    error.__cause__ = ImportError("module a.b does not support loading in subinterpreters")
    assert "module a does not load" in (advice(error, "/d") or "")


def test_nothing_to_say():
    assert advice(ImportError("No module named 'x'"), "/d") is None
    loop = ValueError("a")
    loop.__cause__ = loop
    assert advice(loop, "/d") is None
