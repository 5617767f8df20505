"""API functions: what clients call by name at /api."""

import functools
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from support.script import Script, running_script
from support.site import Answer, Site, at_once

#: In the background of a script, too.
LIVE = True

URLENCODED = "application/x-www-form-urlencoded"
BINARY = "application/octet-stream"

SOURCE = """
import asyncio
import functools
import os

import hwebserver
from hwebserver import APIError, Response, apiFunction, registerAPIFunction


@apiFunction()
def echo(request, value=None):
    return value

@apiFunction("ns")
def positional(request):
    return "by position"

@apiFunction(namespace="a.b")
def keyword(request):
    return "by keyword"

@apiFunction()
def three(request, a, b, c=3):
    return [a, b, c]

@apiFunction()
def only(request, /, a, *, b=2):
    return [a, b]

@apiFunction()
def anything(request, *args, **kwargs):
    return [args, kwargs]

@apiFunction()
def shadow(request, json, cmd_function="default"):
    return [json, cmd_function]

@apiFunction()
def facts(request):
    return [request.method(), request.path(), request.headers()["X-Fact"]]

def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

@apiFunction("wrapped")
@logged
def plain(request, a):
    return a

def with_user(function):
    @functools.wraps(function)
    def wrapper(request, **kwargs):
        return function(request, user="ann", **kwargs)
    return wrapper

@apiFunction("wrapped")
@with_user
def completed(request, user, a):
    return [user, a]

@apiFunction("later")
async def waits(request, a):
    await asyncio.sleep(0)
    return [a, request.method()]

@apiFunction("later")
async def refuses(request):
    await asyncio.sleep(0)
    raise APIError("no")

class Counter:
    def __init__(self):
        self.count = 0
    def add(self, request, n=1):
        self.count += n
        return self.count

registerAPIFunction(Counter().add, "counter")

def registered(request, n):
    return n.hex()

registerAPIFunction(registered, "more", arg_types={"n": float})
def point(text):
    x, y = text.split(",")
    return {"x": int(x), "y": int(y)}

def picky(value):
    raise APIError({"picky": value})

@apiFunction(arg_types={"n": int, "ratio": float, "at": point, "p": picky})
def typed(request, n, ratio=0.5, at=None, p=None, untyped=None):
    return [n, ratio, at, untyped]

@apiFunction(arg_types={"n": int})
def more_typed(request, *args, **kwargs):
    return [args, kwargs]

RESULTS = {
    "bytes": b"\\x00\\xff", "bytearray": bytearray(b"ab"), "memoryview": memoryview(b"cd"),
    "none": None, "empty": b"", "text": "t\\xe4",
}

@apiFunction()
def result(request, which):
    return RESULTS[which]

@apiFunction(return_binary=True)
def binary(request, which):
    return RESULTS[which]

@apiFunction()
def response(request):
    made = Response("<b>made</b>", 201)
    made.setHeader("X-Made", "yes")
    return made

@apiFunction()
def file(request, path):
    return hwebserver.fileResponse(path, content_type="image/png")

@apiFunction(return_binary=True)
def binary_response(request):
    return Response("text", 200, "text/plain")

@apiFunction()
def refuse(request, error):
    raise APIError(error)

class NotThere(APIError):
    pass

@apiFunction()
def not_there(request):
    raise NotThere("nowhere")

@apiFunction()
def upload(request, **files):
    return {
        name: [type(file).__name__, file.name(), file.size(), file.isInMemory(), file.read().hex()]
        if not isinstance(file, str) else file
        for name, file in files.items()
    }

@apiFunction()
def size(request, data):
    return [data.size(), data.isInMemory(), os.path.exists(data.temporaryFilePath())]

@hwebserver.urlHandler("/api/below", is_prefix=True)
def below(request):
    return Response("below: " + request.path())
"""


@pytest.fixture(scope="module")
def api(module_site):
    with running_script(module_site, SOURCE) as script:
        yield script


def post(
    script: Script,
    body: str | bytes,
    content_type: str = URLENCODED,
    accept: str = "application/json, */*",
    **headers: str,
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return script.request(
        "POST", "/api", body, {"Content-Type": content_type, "Accept": accept, **named}
    )


def call(script: Script, name: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of a call."""
    answer = post(script, urlencode({"json": json.dumps([name, args, kwargs])}))
    assert answer.status == 200, (answer.status, answer.text)
    assert answer.type == "application/json"
    return json.loads(answer.body)


def fails(answer: Answer, status: int) -> Any:
    """What the error says."""
    assert answer.status == status, (answer.status, answer.text)
    assert answer.type.partition(";")[0] == "application/json"
    told = json.loads(answer.body)
    assert list(told) == ["error"]
    return told["error"]


# ---- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("ns.positional", "by position"),
        ("a.b.keyword", "by keyword"),
        ("echo", None),
        ("more.registered", "0x1.8000000000000p+0"),
    ],
)
def test_names(api: Script, name: str, result: Any):
    arguments = {"n": 1.5} if name == "more.registered" else {}
    assert call(api, name, **arguments) == result


@pytest.mark.parametrize("name", ["nothing", "positional", "ns", "ns.", ".echo", "", "below", "ä"])
def test_unknown_functions(api: Script, name: str):
    answer = post(api, urlencode({"json": json.dumps([name, [], {}])}))
    assert repr(name) in fails(answer, 404)
    answer = post(api, urlencode({"cmd_function": name}))
    assert repr(name) in fails(answer, 404)


def test_what_is_no_api_function(api: Script):
    """Nothing but what was registered: no attributes, and no methods of dicts."""
    for name in ("__class__", "get", "echo.__name__", "os.getcwd"):
        fails(post(api, urlencode({"json": json.dumps([name, [], {}])})), 404)


def test_the_request_comes_first(api: Script):
    answer = post(api, urlencode({"cmd_function": "facts"}), X_Fact="seen")
    assert json.loads(answer.body) == ["POST", "/api", "seen"]


def test_methods_keep_their_state(api: Script):
    first = call(api, "counter.add")
    assert call(api, "counter.add", 5) == first + 5


def test_a_slash_at_the_end(api: Script):
    answer = api.request("POST", "/api/", "cmd_function=echo", {"Content-Type": URLENCODED})
    assert (answer.status, answer.text) == (200, "null")


def test_prefix_handlers_below(api: Script):
    assert api.text("/api/below/deep") == "below: /api/below/deep"
    assert api.get("/api/elsewhere").status == 404


# ---- arguments -----------------------------------------------------------------------------------

VALUES = [
    None,
    True,
    0,
    -1,
    1.5,
    2**80,
    "",
    "tä\x00\U0001f600",
    [],
    [1, [2, []]],
    {},
    {"a": {"b": 1}},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_json_keeps_types(api: Script, value: Any):
    assert call(api, "echo", value) == value
    assert call(api, "echo", value=value) == value


@pytest.mark.parametrize("body", ["json", "cmd_function=x&json"])
def test_a_form_without_values(api: Script, body: str):
    """A blank json is no JSON; with cmd_function it is an argument."""
    fails(post(api, f"{body}="), 404 if "cmd_function" in body else 400)


def test_plain_fields_are_text(api: Script):
    answer = post(api, urlencode({"cmd_function": "three", "a": 1, "b": "b ä&=+%", "c": ""}))
    assert json.loads(answer.body) == ["1", "b ä&=+%", ""]


def test_positional_and_keyword_arguments(api: Script):
    assert call(api, "three", 1, 2) == [1, 2, 3]
    assert call(api, "three", 1, c=9, b=8) == [1, 8, 9]
    assert call(api, "only", 1, b=3) == [1, 3]
    given = {"self": 3, "any name": 4, "": 5}
    assert call(api, "anything", 1, "a", **given) == [[1, "a"], given]


def test_names_of_fields_are_no_reserved_words(api: Script):
    answer = post(api, urlencode({"cmd_function": "shadow", "json": "[1]"}))
    assert json.loads(answer.body) == ["[1]", "default"]
    assert call(api, "shadow", json=1, cmd_function=2) == [1, 2]


def test_the_last_of_repeated_names_counts(api: Script):
    answer = post(api, "cmd_function=echo&value=1&value=2")
    assert json.loads(answer.body) == "2"
    answer = post(api, urlencode({"json": '["echo", [], {"value": 1, "value": 2}]'}))
    assert json.loads(answer.body) == 2


def test_a_json_body(api: Script):
    for content_type in ("application/json", "Application/JSON; charset=utf-8"):
        answer = post(api, '["three", [1], {"b": "ä"}]'.encode(), content_type)
        assert json.loads(answer.body) == [1, "ä", 3]


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "said"),
    [
        ("three", [1], {}, "'b'"),
        ("three", [1, 2, 3, 4], {}, "too many positional"),
        ("three", [1, 2], {"a": 1}, "'a'"),
        ("three", [1, 2], {"d": 1}, "'d'"),
        ("three", [1, 2], {"request": 1}, "'request'"),
        ("only", [1, 2], {}, "too many positional"),
        ("wrapped.plain", [], {}, "'a'"),
        ("later.waits", [], {"b": 1}, "'a'"),
        ("counter.add", [1, 2], {}, "too many positional"),
    ],
)
def test_arguments_that_do_not_fit(api: Script, name: str, args, kwargs, said: str):
    error = fails(post(api, urlencode({"json": json.dumps([name, args, kwargs])})), 422)
    assert error.startswith(f"{name}(): ") and said in error


def test_wrappers(api: Script):
    assert call(api, "wrapped.plain", 1) == 1
    assert call(api, "wrapped.completed", a=1) == ["ann", 1]


def test_async_functions(api: Script):
    assert call(api, "later.waits", 1) == [1, "POST"]
    assert fails(post(api, "cmd_function=later.refuses"), 422) == "no"
    calls = [functools.partial(call, api, "later.waits", n) for n in range(8)]
    assert at_once(calls) == [[n, "POST"] for n in range(8)]


# ---- arg_types -----------------------------------------------------------------------------------


def test_arguments_are_converted(api: Script):
    fields = {"cmd_function": "typed", "n": "7", "ratio": "1e3", "at": "1,2", "untyped": "7"}
    answer = post(api, urlencode(fields))
    assert json.loads(answer.body) == [7, 1000.0, {"x": 1, "y": 2}, "7"]
    assert call(api, "typed", "7", "0.25", untyped=1) == [7, 0.25, None, 1]
    assert call(api, "typed", 7.9) == [7, 0.5, None, None]


def test_defaults_are_not_converted(api: Script):
    assert call(api, "typed", n="1") == [1, 0.5, None, None]


def test_arguments_without_a_name_of_their_own(api: Script):
    assert call(api, "more_typed", "1", n="2", m="3") == [["1"], {"n": 2, "m": "3"}]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"n": "seven"}, "n='seven': invalid literal for int()"),
        ({"n": "7", "at": "1"}, "at='1': not enough values"),
        ({"n": "1" * 5000}, "4300"),
    ],
)
def test_arguments_that_cannot_be_converted(api: Script, fields: dict[str, str], said: str):
    error = fails(post(api, urlencode({"cmd_function": "typed", **fields})), 422)
    assert error.startswith("typed(): ") and said in error


def test_a_converter_may_say_why(api: Script):
    answer = post(api, urlencode({"cmd_function": "typed", "n": 1, "p": "x"}))
    assert fails(answer, 422) == {"picky": "x"}


# ---- what is no call -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{}",
        "null",
        '"echo"',
        "[]",
        '["echo"]',
        '["echo", []]',
        '["echo", [], {}, {}]',
        '[["echo"], [], {}]',
        "[null, [], {}]",
        "[7, [], {}]",
        '[{"a": 1}, [], {}]',
        '["echo", {}, {}]',
        '["echo", [], []]',
        '["echo", "", {}]',
        '["echo", null, null]',
        '["echo", [NaN], {}]',
        '["echo", [Infinity], {}]',
        '["echo", [-Infinity], {}]',
        '["echo", [1e999], {}]',
        '["echo", [-1e999], {}]',
        f'["echo", [{"9" * 5000}], {{}}]',
        '["echo", [01], {}]',
        "['echo', [], {}]",
        '["echo", [], {}] more',
        '\ufeff["echo", [], {}]',
        '["echo", ["\t"], {}]',
        '["echo", [' + "[" * 200_000 + "]" * 200_000 + "], {}]",
        "[" * 5000,
        "[" * 200_000,
        '{"a":' * 100_000,
    ],
    ids=lambda text: text[:30],
)
@pytest.mark.parametrize("content_type", [URLENCODED, "application/json"])
def test_bad_json(api: Script, text: str, content_type: str):
    body = urlencode({"json": text}) if content_type == URLENCODED else text.encode()
    assert fails(post(api, body, content_type), 400)
    assert call(api, "echo", 1) == 1


def test_nesting_up_to_what_python_parses(api: Script):
    value: list[Any] = []
    for _ in range(400):
        value = [value]
    assert call(api, "echo", value) == value
    deep = "[" * 5000 + "]" * 5000  # some versions of Python parse that
    answer = post(api, urlencode({"json": f'["echo", [{deep}], {{}}]'}))
    assert answer.status in (200, 400)
    assert answer.status == 400 or answer.text == deep


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("", URLENCODED),
        ("value=1", URLENCODED),
        ("CMD_FUNCTION=echo", URLENCODED),
        ('["echo", [], {}]', "text/plain"),
        ('["echo", [], {}]', ""),
        ("cmd_function=echo", "text/plain"),
        (b"\xff\xfe", "application/json"),
        (b'["echo", ["\xe4"], {}]', "application/json"),
        ("", "application/json"),
        ("--x--", "multipart/form-data; boundary=y"),
        ("--x\r\n", "multipart/form-data"),
        ('--x\r\nContent-Disposition: form-data; name="json"; filename="f"\r\n\r\n'
         '["echo",[],{}]\r\n--x--\r\n', "multipart/form-data; boundary=x"),
    ],
)  # fmt: skip
def test_no_call(api: Script, body: str | bytes, content_type: str):
    assert fails(post(api, body, content_type), 400)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_only_post(api: Script, method: str):
    answer = api.request(method, "/api", headers={"Accept": "application/json"})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert answer.body if method != "HEAD" else not answer.body


def test_a_query_is_no_call(api: Script):
    answer = api.request("POST", "/api?cmd_function=echo", "", {"Content-Type": URLENCODED})
    assert answer.status == 400


# ---- results -------------------------------------------------------------------------------------


def result(script: Script, name: str, **kwargs: Any) -> tuple[int, str, bytes]:
    answer = post(script, urlencode({"json": json.dumps([name, [], kwargs])}))
    return answer.status, answer.type, answer.body


@pytest.mark.parametrize("name", ["result", "binary"])
@pytest.mark.parametrize(
    ("which", "body"),
    [("bytes", b"\x00\xff"), ("bytearray", b"ab"), ("memoryview", b"cd"), ("empty", b"")],
)
def test_bytes(api: Script, name: str, which: str, body: bytes):
    assert result(api, name, which=which) == (200, BINARY, body)


def test_return_binary_makes_bytes_of_text(api: Script):
    assert result(api, "binary", which="text") == (200, BINARY, "tä".encode())
    assert result(api, "result", which="text") == (200, "application/json", b'"t\\u00e4"')


def test_a_response_is_sent_as_it_is(api: Script, module_site):
    answer = post(api, "cmd_function=response")
    assert (answer.status, answer.text, answer.headers["X-Made"]) == (201, "<b>made</b>", "yes")
    assert result(api, "binary_response")[1:] == ("text/plain; charset=utf-8", b"text")
    picture = module_site / "picture.png"
    picture.write_bytes(b"\x89PNG" + bytes(200_000))
    picture.chmod(0o644)
    assert result(api, "file", path=str(picture)) == (200, "image/png", picture.read_bytes())


def test_numbers_as_they_are(api: Script):
    for value in (0.1, 1e300, 5e-324, -0.0, 2**53 + 1, 10**400):
        assert repr(call(api, "echo", value)) == repr(value)


def test_a_large_call(api: Script):
    value = ["ä" * 1000] * 3000
    assert call(api, "echo", value) == value


# ---- files ---------------------------------------------------------------------------------------


def multipart(*parts: tuple[str, str | None, bytes]) -> tuple[bytes, str]:
    """Body and content type of a form: name, file name or None, content."""
    body = bytearray()
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename is not None else ""
        body += f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return bytes(body + b"--x--\r\n"), "multipart/form-data; boundary=x"


def test_files_are_keyword_arguments(api: Script):
    answer = post(
        api,
        *multipart(
            ("json", None, b'["upload", [], {"x": "1"}]'),
            ("one", "a.bin", b"\x00\r\n\xff"),
            ("two", "b.bin", b""),
        ),
    )
    assert json.loads(answer.body) == {
        "x": "1",
        "one": ["UploadedFile", "a.bin", 4, True, "000d0aff"],
        "two": ["UploadedFile", "b.bin", 0, True, ""],
    }


def test_files_beside_plain_fields(api: Script):
    answer = post(
        api,
        *multipart(
            ("one", "a.bin", b"\x01"), ("cmd_function", None, b"upload"), ("x", None, "ä".encode())
        ),
    )
    assert json.loads(answer.body) == {"one": ["UploadedFile", "a.bin", 1, True, "01"], "x": "ä"}


def test_a_large_file_is_on_disk(api: Script):
    body, content_type = multipart(
        ("json", None, b'["size", [], {}]'), ("data", "large.bin", bytes(4_000_000))
    )
    assert json.loads(post(api, body, content_type).body) == [4_000_000, False, True]


def test_a_file_that_takes_an_arguments_place(api: Script):
    body, content_type = multipart(
        ("json", None, b'["upload", [], {"one": 1}]'), ("one", "a.bin", b"\x01")
    )
    assert (
        fails(post(api, body, content_type), 422) == "upload(): one is there twice, once as a file"
    )


def test_a_file_that_no_argument_takes(api: Script):
    body, content_type = multipart(("json", None, b'["echo", [], {}]'), ("data", "a.bin", b"\x01"))
    assert "'data'" in fails(post(api, body, content_type), 422)


# ---- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["no such node", "", None, 7, [1], {"code": 7, "why": "ä<b>"}])
def test_api_errors(api: Script, error: Any):
    answer = post(api, urlencode({"json": json.dumps(["refuse", [error], {}])}))
    assert fails(answer, 422) == error


def test_subclasses_of_api_error(api: Script):
    assert fails(post(api, "cmd_function=not_there"), 422) == "nowhere"


@pytest.mark.parametrize("accept", ["text/html", "*/*", "text/html, application/json;q=0.5"])
def test_errors_for_browsers_are_pages(api: Script, accept: str):
    answer = post(api, urlencode({"cmd_function": "refuse", "error": "<b>no"}), accept=accept)
    assert (answer.status, answer.type.partition(";")[0]) == (422, "text/html")
    assert "&lt;b&gt;no" in answer.text and "<b>no" not in answer.text
    assert post(api, "cmd_function=nothing", accept=accept).status == 404
    assert post(api, "", accept=accept).type.startswith("text/html")


FAILING = """
import hwebserver

RESULTS = {
    "set": {1}, "nan": float("nan"), "infinity": [float("inf")], "object": object(),
    "key": {(1, 2): 3}, "bytes within": [b"x"],
}
RESULTS["itself"] = itself = []
itself.append(itself)

@hwebserver.apiFunction()
def result(request, which):
    return RESULTS[which]

@hwebserver.apiFunction()
def deep(request):
    value = []
    for _ in range(100_000):
        value = [value]
    return value

@hwebserver.apiFunction(return_binary=True)
def binary(request, which):
    return {"list": [1], "int": 7, "none": None, "surrogate": "\\ud800"}[which]

@hwebserver.apiFunction()
def refuse(request, error="set"):
    raise hwebserver.APIError(RESULTS[error])

@hwebserver.apiFunction()
def fail(request, secret="hidden"):
    return 1 / 0

@hwebserver.apiFunction()
def type_error(request, a):
    return len(a)

@hwebserver.apiFunction()
async def later(request):
    raise LookupError("later")

@hwebserver.apiFunction()
def leave(request):
    raise SystemExit(3)

@hwebserver.apiFunction()
def fine(request):
    return "fine"
"""


@pytest.fixture(scope="module", params=[False, True], ids=["debug off", "debug"])
def failing(module_site, request):
    """A server on which functions fail, and whether it is in debug mode."""
    run = f"debug={request.param}"
    with running_script(module_site, FAILING, run=run, name="failing.py") as script:
        script.log.allow("")
        yield script, request.param


FAILURES = [
    ("cmd_function=fail", "ZeroDivisionError: division by zero"),
    ('json=["type_error",[7],{}]', "TypeError: object of type 'int' has no len()"),
    ("cmd_function=later", "LookupError: later"),
    (
        "cmd_function=result&which=set",
        "result() returned what cannot be sent: Object of type set",
    ),
    ("cmd_function=result&which=nan", "Out of range float values are not JSON compliant"),
    ("cmd_function=result&which=infinity", "Out of range float values are not JSON compliant"),
    ("cmd_function=result&which=object", "Object of type object is not JSON serializable"),
    ("cmd_function=result&which=key", "keys must be str"),
    ("cmd_function=result&which=bytes within", "Object of type bytes is not JSON serializable"),
    ("cmd_function=result&which=itself", "Circular reference detected"),
    ("cmd_function=deep", "maximum recursion depth exceeded"),
    ("cmd_function=binary&which=list", "binary() returned list, not bytes or str"),
    ("cmd_function=binary&which=int", "binary() returned int, not bytes or str"),
    ("cmd_function=binary&which=none", "binary() returned NoneType, not bytes or str"),
    ("cmd_function=binary&which=surrogate", "surrogates not allowed"),
    ("cmd_function=refuse", "Object of type set is not JSON serializable"),
    ("cmd_function=refuse&error=nan", "Out of range float values are not JSON compliant"),
]


@pytest.mark.parametrize(("body", "reason"), FAILURES, ids=[body for body, _ in FAILURES])
def test_failures(failing: tuple[Script, bool], body: str, reason: str):
    """The reason is in the log always, and in the answer in debug mode."""
    script, debug = failing
    error = fails(post(script, body), 500)
    assert (reason in error) == debug
    assert ("Traceback" in error) == debug
    script.wait_for_log(reason)
    assert json.loads(post(script, "cmd_function=fine").body) == "fine"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("cmd_function=fail", "failing.py"),
        ("cmd_function=result&which=set", "returned what cannot be sent"),
        ("cmd_function=refuse", "Object of type set"),
    ],
)
def test_failures_as_pages(failing: tuple[Script, bool], body: str, reason: str):
    script, debug = failing
    answer = post(script, body, accept="text/html")
    assert (answer.status, answer.type.partition(";")[0]) == (500, "text/html")
    assert (reason in answer.text) == debug


def test_a_function_that_leaves_ends_its_call_alone(failing: tuple[Script, bool]):
    script, _ = failing
    assert post(script, "cmd_function=leave").status == 500
    assert json.loads(post(script, "cmd_function=fine").body) == "fine"


# ---- ports, and what is registered ---------------------------------------------------------------


def test_without_a_function_there_is_no_api(tmp_site):
    source = """
        import hwebserver
        hwebserver.urlHandler("/")(lambda request: hwebserver.Response("x"))
    """
    with running_script(tmp_site, source) as script:
        assert script.request("POST", "/api", "cmd_function=x").status == 404
        assert script.get("/api").status == 404


def test_each_port_has_its_own_api(tmp_site):
    source = """
        import hwebserver

        @hwebserver.apiFunction(ports=["aux"])
        def only(request):
            return "aux"

        @hwebserver.apiFunction(ports=["0", "third"])
        def both(request):
            return request.portName()

        hwebserver.urlHandler("/", ports=["none"])(lambda request: hwebserver.Response("x"))
        for name in ("aux", "third", "none"):
            hwebserver.setSettingsForPort({"PORT": 0}, name)
    """

    def ask(port: str, name: str) -> tuple[int, str]:
        headers = {"Content-Type": URLENCODED, "Accept": "application/json"}
        answer = script.request("POST", "/api", f"cmd_function={name}", headers, port=port)
        return answer.status, answer.text

    with running_script(tmp_site, source) as script:
        assert ask("aux", "only") == (200, '"aux"')
        assert ask("main", "both") == (200, '"main"')
        assert ask("third", "both") == (200, '"third"')
        assert ask("aux", "both") == (404, '{"error": "there is no API function \'both\'"}')
        assert ask("main", "only")[0] == ask("third", "only")[0] == 404
        assert ask("none", "only") == ask("none", "both")
        assert "API function" not in ask("none", "only")[1]


def test_in_a_directory_that_apache_serves(site: Site):
    """A module's functions and those of the modules that it imports are one API."""
    site.htaccess("SetHandler python-program", "PythonOption handler app")
    function = "@hwebserver.apiFunction()\ndef {0}(request, x=0):\n    return ['{0}', x]\n"
    other = "@hwebserver.apiFunction()\ndef both(request):\n    return 'the other'\n"
    site.write("helper.py", f"import hwebserver\n{function.format('one')}{other}")
    site.write(
        "app.py",
        f"import helper, hwebserver\n{function.format('two')}{function.format('both')}",
    )
    for name in ("one", "two", "both"):
        answer = site.post("api", {"json": json.dumps([name, [], {"x": 1}])})
        assert (answer.status, json.loads(answer.body)) == (200, [name, 1])
    site.write("app.py", "import hwebserver\nhwebserver.urlHandler('/x')(lambda request: None)\n")
    assert site.post("api", {"cmd_function": "two"}).status == 404
