"""hwebserver.Request: what each of its methods gives, and forms and uploads."""

import contextlib
import http.client
import json
import os
import socket
from pathlib import Path

import pytest
from support.script import Script, running_script
from support.site import wait_for

#: In the background of a script, too.
LIVE = True

SCRIPT = """
import json
import os
import resource
import shutil

import hwebserver

def answer(value, status=200):
    return hwebserver.Response(json.dumps(value), status, "application/json")

@hwebserver.urlHandler("/facts", is_prefix=True, ports=[-1])
def facts(request):
    found = {
        name: getattr(request, name)()
        for name in (
            "method", "path", "pathWithQueryString", "queryString", "absoluteURI", "isSecure",
            "scheme", "protocol", "host", "port", "portName", "headers", "cookies", "GET",
            "contentLength", "contentType", "clientAddress", "serverAddress", "isInDebugMode",
        )
    }
    found["locations"] = [
        request.absoluteURI(to)
        for to in ("/a?b#c", "d", "../e", "?q", "https://x/y", "/\\u00fc \\"")
    ]
    return answer(found)

@hwebserver.urlHandler("/headers")
def headers(request):
    headers = request.headers()
    headers["new"] = "x"
    assert isinstance(headers, dict) and "New" not in request.headers()
    names = ("Authorization", "authorization", "AUTHORIZATION", "X-Few-Words", "none")
    return answer([
        [headers.get(name) for name in names], "origin" in headers, "none" in headers,
        headers["x-FEW-words"], sorted(headers),
    ])

@hwebserver.urlHandler("/body")
def body(request):
    how = request.GET().get("how")
    found = []
    for each in how.split():
        try:
            value = getattr(request, each)()
        except hwebserver.OperationFailed as error:
            value = str(error)
        if each == "files":
            value = {
                key: [f.name(), f.size(), f.isInMemory(), f.read().decode("latin-1")[:100]]
                for key, f in value.items()
            }
        found.append(value.decode("latin-1") if isinstance(value, bytes) else value)
    return answer(found)

@hwebserver.urlHandler("/upload")
def upload(request):
    file = request.files()["file"]
    before = [file.name(), file.size(), file.isInMemory(), file.temporaryFilePath()]
    begin = file.read(3).decode()
    file.saveToDisk()
    path = file.temporaryFilePath()
    after = [file.name(), file.size(), file.isInMemory(), path, file.temporaryFilePath() == path]
    rest = file.read().decode()
    with open(path) as on_disk:
        assert on_disk.read() == begin + rest
    how = request.GET().get("how")
    if how == "crash":
        raise ValueError(path)
    if how == "die":
        os.kill(os.getpid(), 9)
    if how == "move":
        shutil.move(path, "moved")
        with open("moved") as moved:
            rest = moved.read()
    if how == "send":
        return hwebserver.fileResponse(path, "text/x-sent")
    return answer([before, after, begin, rest, file.read().decode(), os.stat(path).st_mode & 0o777
                   if how is None else 0])

@hwebserver.urlHandler("/unread")
def unread(request):
    return answer("unread")

@hwebserver.urlHandler("/memory")
def memory(request):
    size = request.files()["file"].size() if request.method() == "POST" else 0
    return answer([size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024])

@hwebserver.urlHandler("/fd")
def descriptor(request):
    request.socketFD()
"""
RUN = "ports=['extra'], max_in_memory_file_upload_size=1000, max_request_size=100_000"


@pytest.fixture(scope="module")
def script(module_site: Path):
    module_site.chmod(0o777)  # Apache's user moves a file there
    source = 'import hwebserver\nhwebserver.setSettingsForPort({"PORT": 0}, "extra")\n' + SCRIPT
    with running_script(module_site, source, run=RUN) as running:
        running.wait_for_port("extra")
        yield running


@pytest.fixture(autouse=True)
def log(script: Script):
    yield
    script.log.check()


def ask(script: Script, *args, **kwargs):
    answer = script.request(*args, **kwargs)
    assert answer.status == 200, (answer.text, script.log.since_check()[-20:])
    return json.loads(answer.text)


def raw(script: Script, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", script.port), 30) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def multipart(**parts: str | tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    """A form and its header; a part is a text, or the name and the data of a file."""
    body = b""
    for name, value in parts.items():
        body += f'--B\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if isinstance(value, str):
            body += b"\r\n\r\n" + value.encode()
        else:
            body += f'; filename="{value[0]}"\r\n\r\n'.encode() + value[1]
        body += b"\r\n"
    return body + b"--B--\r\n", {"Content-Type": "multipart/form-data; boundary=B"}


def wait_for_traceback(script: Script, reason: str) -> None:
    """Return once the log has all of a traceback, which begins and ends with *reason*."""
    wait_for(reason, lambda: "".join(script.log.since_check()).count(reason) >= 2)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


# ---- facts --------------------------------------------------------------------------------------


def test_facts(script: Script):
    connection = http.client.HTTPConnection("127.0.0.1", script.port, timeout=30)
    with contextlib.closing(connection):
        connection.connect()
        client = list(connection.sock.getsockname())
        head = {"Host": "there:81", "Cookie": "a=1", "Content-Type": "text/x", "X-B": "c"}
        connection.request("PUT", "/facts/a%20b/?x=1&y=%20&x=2", b"12345", head)
        found = json.loads(connection.getresponse().read())
    locations = found.pop("locations")
    assert found == {
        "method": "PUT",
        "path": "/facts/a%20b/",
        "pathWithQueryString": "/facts/a%20b/?x=1&y=%20&x=2",
        "queryString": "x=1&y=%20&x=2",
        "absoluteURI": "http://there:81/facts/a%20b/?x=1&y=%20&x=2",
        "isSecure": False,
        "scheme": "http",
        "protocol": "HTTP/1.1",
        "host": "there:81",
        "port": script.port,
        "portName": "main",
        "headers": {**head, "Content-Length": "5", "Accept-Encoding": "identity"},
        "cookies": {"a": "1"},
        "GET": {"x": "2", "y": " "},
        "contentLength": "5",
        "contentType": "text/x",
        "clientAddress": client,
        "serverAddress": ["127.0.0.1", script.port],
        "isInDebugMode": False,
    }
    assert locations == [
        "http://there:81/a?b#c",
        "http://there:81/facts/a%20b/d",
        "http://there:81/facts/e",
        "http://there:81/facts/a%20b/?q",
        "https://x/y",
        "http://there:81/%C3%BC%20%22",
    ]


def test_facts_of_another_port(script: Script):
    answer = script.request("GET", "/facts", port="extra")
    found = json.loads(answer.text)
    assert (found["portName"], found["port"]) == ("extra", script.ports["extra"])
    assert found["serverAddress"] == ["127.0.0.1", script.ports["extra"]]


def test_facts_that_are_not_there(script: Script):
    answer = raw(script, b"GET /facts HTTP/1.0\r\n\r\n")
    found = json.loads(answer.partition(b"\r\n\r\n")[2])
    names = ("queryString", "host", "contentLength", "contentType", "cookies", "GET", "headers")
    assert [found[name] for name in names] == ["", "", "", "", {}, {}, {}]
    assert found["absoluteURI"] == f"http://127.0.0.1:{script.port}/facts"
    assert found["protocol"] == "HTTP/1.0"


def test_headers(script: Script):
    head = {"authorization": "me", "ORIGIN": "o", "x-fEw-words": "w", "Host": "h"}
    values, has_origin, has_none, words, names = ask(script, "GET", "/headers", headers=head)
    assert values == ["me", "me", "me", "w", None]
    assert has_origin and not has_none and words == "w"
    assert names == ["Accept-Encoding", "Authorization", "Host", "New", "Origin", "X-Few-Words"]


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2;", {"a": "1", "b": "2"}),
        ("a=first; a=second", {"a": "first"}),
        ('a="quoted \\"\\054"; b=x=y', {"a": 'quoted ",', "b": "x=y"}),
        ("broken; a[]=1; ; b=", {"a[]": "1", "b": ""}),
        ('a="', {"a": '"'}),
    ],
)
def test_cookies(script: Script, header: str, cookies: dict[str, str]):
    assert ask(script, "GET", "/facts", headers={"Cookie": header})["cookies"] == cookies


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("a=1&b=2&a=3", {"a": "3", "b": "2"}),
        ("a", {"a": ""}),
        ("a=&=b&&", {"a": "", "": "b"}),
        ("a=%C3%BC+x%26&%C3%BC=1", {"a": "ü x&", "ü": "1"}),
        ("a=%ff%zz", {"a": "\ufffd%zz"}),
        ("a=1;b=2", {"a": "1;b=2"}),
    ],
)
def test_fields(script: Script, query: str, fields: dict[str, str]):
    assert ask(script, "GET", f"/facts?{query}")["GET"] == fields
    assert ask(script, "POST", "/body?how=POST", query, FORM) == [fields]


def test_socket(script: Script):
    script.log.allow(".hwebserver]")
    script.log.expect("the connection is Apache's")
    assert script.get("/fd").status == 500
    wait_for_traceback(script, "the connection is Apache's")


# ---- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("body body", ["a=1&b=", "a=1&b="]),
        ("POST POST", [{"a": "1", "b": ""}, {"a": "1", "b": ""}]),
        ("body POST files", ["a=1&b=", {"a": "1", "b": ""}, {}]),
        ("files POST body", [{}, {"a": "1", "b": ""}, "a=1&b="]),
    ],
)
def test_a_form_and_its_body(script: Script, how: str, found: list):
    path = f"/body?how={how.replace(' ', '+')}"
    assert ask(script, "POST", path, "a=1&b=", FORM) == found
    assert ask(script, "PUT", path, iter([b"a=1&", b"b="]), FORM) == found  # chunked


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        ({"Content-Type": "Application/X-WWW-Form-URLencoded; charset=utf-8"}, {"a": "1"}),
        ({"Content-Type": "application/json"}, {}),
        ({}, {}),
    ],
)
def test_a_body_that_is_a_form_by_its_type(script: Script, head: dict, fields: dict):
    assert ask(script, "POST", "/body?how=POST+body", b"a=1", head) == [fields, "a=1"]


def test_no_body(script: Script):
    assert ask(script, "GET", "/body?how=body+POST+files") == ["", {}, {}]


@pytest.mark.parametrize("how", ["body files POST", "POST files body"])
def test_a_small_multipart_form(script: Script, how: str):
    body, head = multipart(a="ü", f=("x.txt", b"file\r\n--"), g=("../../y", b""), a2="")
    found = dict(zip(how.split(), ask(script, "POST", f"/body?how={how.replace(' ', '+')}", body,
                                      head), strict=True))  # fmt: skip
    assert found["body"] == body.decode("latin-1")
    assert found["POST"] == {"a": "ü", "a2": ""}
    assert found["files"] == {"f": ["x.txt", 8, True, "file\r\n--"], "g": ["y", 0, True, ""]}


def test_the_last_of_a_name(script: Script):
    body, head = multipart(f=("a", b"1"), g=("b", b"2"), h="1", i="2")
    body = body.replace(b'"g"', b'"f"').replace(b'"i"', b'"h"')
    fields, files = ask(script, "POST", "/body?how=POST+files", body, head)
    assert fields == {"h": "2"} and files == {"f": ["b", 1, True, "2"]}


def test_a_file_field_left_alone(script: Script):
    body, head = multipart(f=("", b""))
    assert ask(script, "POST", "/body?how=files+POST", body, head) == [{}, {}]


@pytest.mark.parametrize(("size", "in_memory"), [(999, True), (1000, True), (1001, False)])
def test_where_a_file_is(script: Script, size: int, in_memory: bool):
    body, head = multipart(f=("x", b"x" * size))
    [files] = ask(script, "POST", "/body?how=files", body, head)
    assert files == {"f": ["x", size, in_memory, "x" * 100]}


def test_a_large_multipart_form_and_its_body(script: Script):
    body, head = multipart(f=("x", b"x" * 2000), a="1")
    text, fields, files = ask(script, "POST", "/body?how=body+POST+files", body, head)
    assert text == body.decode() and fields == {"a": "1"} and files["f"][1] == 2000
    fields, text = ask(script, "POST", "/body?how=POST+body", body, head)
    assert fields == {"a": "1"} and "call body() first" in text


BROKEN = [
    (b"", "boundary=B"),
    (b"no form at all", "boundary=B"),
    (b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\ncut sho", "boundary=B"),
    (b"--B\r\nContent-Disposition: attachment\r\n\r\n\r\n--B--\r\n", "boundary=B"),
    (b"--B\r\n\r\n--B--\r\n", ""),
    (b"--B\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n1\r\n--B--\r\n", "boundary=B"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "parameter"), BROKEN)
def test_a_broken_form(script: Script, body: bytes, parameter: str):
    script.log.expect("400: multipart form: ")
    head = {"Content-Type": f"multipart/form-data; {parameter}"}
    assert script.request("POST", "/body?how=POST", body, head).status == 400
    script.wait_for_log("400: multipart form: ")


def test_too_many_fields(script: Script):
    script.log.expect("413: ")
    body = "&".join("a" for _ in range(10_001))
    assert script.request("POST", "/body?how=POST", body, FORM).status == 413
    parts = b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 2
    assert script.request("POST", "/body?how=POST", parts + b"--B--", multipart()[1]).status == 200
    script.wait_for_log("413: ")


# ---- limits -------------------------------------------------------------------------------------


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize("path", ["/body?how=body", "/body?how=POST", "/unread"])
def test_a_request_that_says_that_it_is_too_large(script: Script, path: str):
    """It is refused before its body is there."""
    script.log.allow("413")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM['Content-Type']}\r\n"
    answer = raw(script, f"{head}Content-Length: 100001\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ") and b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("how", ["body", "POST"])
@pytest.mark.parametrize("kind", [FORM["Content-Type"], "multipart/form-data; boundary=B"])
def test_a_chunked_request_that_is_too_large(script: Script, how: str, kind: str):
    script.log.allow("413")
    script.log.allow("AH01588")  # LimitRequestBody
    head = (
        f"POST /body?how={how} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode()
    body, _ = multipart(f=("x", b"x" * 100_000))
    answer = raw(script, head + chunked(body))
    assert answer.startswith(b"HTTP/1.1 413 ") and b"\r\nConnection: close\r\n" in answer


def test_a_body_that_nobody_reads(script: Script):
    connection = http.client.HTTPConnection("127.0.0.1", script.port, timeout=30)
    with contextlib.closing(connection):
        for body in (b"x" * 99_999, iter([b"x" * 50_000] * 2)):
            connection.request("POST", "/unread", body)
            assert connection.getresponse().read() == b'"unread"'
            sock = connection.sock
            connection.request("GET", "/facts")
            assert json.loads(connection.getresponse().read())["method"] == "GET"
            assert connection.sock is sock  # it has stayed open


def test_a_request_that_is_just_not_too_large(script: Script):
    head = "POST /body?how=body HTTP/1.1\r\nHost: x\r\n{}\r\nConnection: close\r\n\r\n"
    body = b"x" * 100_000
    for kind, data in (
        ("Content-Length: 100000", body),
        ("Transfer-Encoding: chunked", chunked(body)),
    ):
        answer = raw(script, head.format(kind).encode() + data)
        assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(body + b'"]')


# ---- files --------------------------------------------------------------------------------------


def test_uploaded_files(script: Script):
    for size, in_memory in ((10, True), (5000, False)):
        data = (b"0123456789" * 500)[:size]
        body, head = multipart(file=("C:\\dir\\pic.tar.png", data))
        before, after, begin, rest, end, mode = ask(script, "POST", "/upload", body, head)
        path = after[3]
        assert before[:3] == ["pic.tar.png", size, in_memory] and (before[3] == "") == in_memory
        assert after == ["pic.tar.png", size, False, path, True]
        assert path.startswith(str(script.temporary)) and path.endswith(".png") and mode == 0o600
        assert (begin + rest).encode() == data and end == ""
        assert not os.path.exists(path)


@pytest.mark.parametrize("how", ["move", "send"])
def test_what_becomes_of_uploaded_files(script: Script, how: str):
    body, head = multipart(file=("x", b"0123456789" * 500))
    answer = script.request("POST", f"/upload?how={how}", body, head)
    if how == "send":
        assert (answer.type, answer.body) == ("text/x-sent", b"0123456789" * 500)
    else:
        assert json.loads(answer.text)[3] == "0123456789" * 500
    wait_for("the removal", lambda: not uploads(script))


def uploads(script: Script) -> list[Path]:
    return list(script.temporary.glob("hwebserver-upload-*"))


def test_files_go_when_the_handler_fails(script: Script):
    script.log.allow(".hwebserver]")
    script.log.expect("ValueError: /")
    body, head = multipart(file=("x", b"0123456789" * 500))
    assert script.request("POST", "/upload?how=crash", body, head).status == 500
    wait_for("the removal", lambda: not uploads(script))
    wait_for_traceback(script, "ValueError: /")


def open_files(script: Script) -> list[str]:
    """Files without a name in the temporary directory that a process has open."""
    found = []
    for process in script.processes():
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = os.readlink(link)
                    if target.startswith(f"{script.temporary}/#"):
                        found.append(target)
    return found


@pytest.mark.foreground("the process is the script's own, and Apache ends with it")
def test_files_of_a_process_that_has_died(script: Script):
    script.log.allow("exit signal Killed")
    body, head = multipart(file=("x", b"0123456789" * 500))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        script.request("POST", "/upload?how=die", body, head)
    assert len(uploads(script)) == 1

    def answers() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return script.request("POST", "/upload", body, head).status == 200
        return False

    wait_for("the next process", answers)
    wait_for("the removal", lambda: not uploads(script))


@pytest.fixture
def large(tmp_site: Path):
    """The script with the limits that there are by default."""
    with running_script(tmp_site, SCRIPT) as running:
        yield running


def test_large_uploads(large: Script):
    """They go to disk, and are not held; not on disk either, if the client goes away."""
    _, before = ask(large, "GET", "/memory")
    head, _, tail = multipart(file=("x", b"?"))[0].partition(b"?")
    pieces = iter([head, *[bytes(1024**2)] * 128, tail])
    size, peak = ask(large, "POST", "/memory", pieces, multipart()[1])
    assert size == 128 * 1024**2
    assert peak - before < 32 * 1024**2

    kind = multipart()[1]["Content-Type"]
    lines = f"POST /memory HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    with socket.create_connection(("127.0.0.1", large.port), 30) as connection:
        connection.sendall(f"{lines}Content-Length: 9000000\r\n\r\n".encode() + head)
        connection.sendall(bytes(8_000_000))
        wait_for("the file", lambda: open_files(large))
    wait_for("the removal", lambda: not open_files(large))
    assert uploads(large) == []
