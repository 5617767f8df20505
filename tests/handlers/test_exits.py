"""Results, statuses and SERVER_RETURN."""

from enum import IntEnum
from http import HTTPStatus

import pytest

from httpdapy import httpdapi
from httpdapy.handlers.exits import result_name
from httpdapy.httpdapi import PROG_TRACEBACK, SERVER_RETURN, Status

STATUSES = {
    "CONTINUE": 100, "SWITCHING": 101, "OK": 200, "CREATED": 201, "NO_RESPONSE": 204,
    "PARTIAL_CONTENT": 206, "REDIRECT": 302, "NOT_MODIFIED": 304, "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "METHOD_NOT_ALLOWED": 405,
    "PROXY_UNAUTHORIZED": 407, "CONFLICT": 409, "LENGTH_REQUIRED": 411, "PRECONDITION_FAIL": 412,
    "ENTITY_TOO_LARGE": 413, "URI_TOO_LARGE": 414, "SERVER_ERROR": 500, "NOT_IMPLEMENTED": 501,
    "VERSION_NOT_SUPPORTED": 505,
}  # fmt: skip
NAMES = ["REQ_ABORTED", "REQ_EXIT", "REQ_NOACTION", "REQ_PROCEED"]


def test_statuses_and_their_table():
    names = {n for n in dir(httpdapi) if n.startswith("PROTOCOL_")}
    assert names == {f"PROTOCOL_{name}" for name in STATUSES}
    for name, code in STATUSES.items():
        assert getattr(httpdapi, f"PROTOCOL_{name}") == Status[str(code)] == code
    assert len(Status) == len(STATUSES) == 22


def test_all_names_are_exported():
    names = {*NAMES, "Status", "SERVER_RETURN", "PROG_TRACEBACK", "RequestHandler", "AuthHandler"}
    assert {*httpdapi.__all__} == names | {f"PROTOCOL_{name}" for name in STATUSES}
    assert all(hasattr(httpdapi, name) for name in httpdapi.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_results_are_their_values_or_their_names(name: str):
    expected = "REQ_ABORTED" if name == "REQ_EXIT" else name
    assert result_name(getattr(httpdapi, name)) == result_name(name) == expected


class Verdict(IntEnum):
    DENY = 0


@pytest.mark.parametrize(
    "value", [False, True, Verdict.DENY, None, 0.0, "", "0", 200, 404, [], (0,), object()]
)
def test_no_results(value: object):
    assert result_name(value) == ""


@pytest.mark.parametrize(
    ("args", "outcome"),
    [
        ((500, 404), ("REQ_ABORTED", 404)),
        (((500, 404),), ("REQ_ABORTED", 404)),
        ((0, None), ("REQ_PROCEED", 0)),
        (("REQ_PROCEED", 0), ("REQ_PROCEED", 0)),
        ((-1,), ("REQ_NOACTION", 0)),
        ((500,), ("REQ_ABORTED", 0)),
        ((HTTPStatus.INTERNAL_SERVER_ERROR,), ("REQ_ABORTED", 500)),
        ((404,), ("REQ_ABORTED", 404)),
        (((404,),), ("REQ_ABORTED", 404)),
        (("REQ_EXIT", 403), ("REQ_ABORTED", 403)),
    ],
)
def test_outcome(args: tuple, outcome: tuple[str, int]):
    assert SERVER_RETURN(*args).outcome() == outcome


@pytest.mark.parametrize(
    "args",
    [
        *[(), ((),), (1, 2, 3), ((1, 2, 3),), (None,), (True,), (False, 200), (200,), (404, 500)],
        *[(500, "404"), (Verdict.DENY,), (Verdict.DENY, None)],
    ],
)
def test_no_outcome(args: tuple):
    with pytest.raises(TypeError, match=r"SERVER_RETURN\(REQ_ABORTED, PROTOCOL_NOT_FOUND\), not "):
        SERVER_RETURN(*args).outcome()


def test_server_return_is_no_error():
    assert not issubclass(SERVER_RETURN, Exception)


def test_prog_traceback():
    caught = KeyError("x")
    for made in (PROG_TRACEBACK(KeyError, caught, None), PROG_TRACEBACK((KeyError, caught, None))):
        assert made.error() is caught
    for made in (PROG_TRACEBACK(), PROG_TRACEBACK("x"), PROG_TRACEBACK(None, None, None)):
        assert made.error() is made
