"""hwebserver.Response, and the functions that make one: files, errors, redirects."""

import gzip
import http.client
import json
import os
import re
import socket
from email.utils import formatdate
from pathlib import Path

import pytest
from support.script import Script, running_script
from support.site import wait_for

#: In the background of a script, too.
LIVE = True

SCRIPT = """
import json
import os
import pathlib
import shutil

import hwebserver
from hwebserver import Response

responses = {
    "str": lambda request: Response("\\u00fc"),
    "bytes": lambda request: Response(b"\\xfc", 200, "application/json"),
    "bytearray": lambda request: Response(bytearray(b"x"), content_type="image/png"),
    "latin": lambda request: Response("\\u00fc", content_type="text/plain; charset=latin-1"),
    "json": lambda request: Response('"\\u00fc"', status=201, content_type="application/json"),
    "empty": lambda request: Response(""),
    "empty404": lambda request: Response(b"", 404, "text/plain"),
    "full404": lambda request: Response("nothing", 404),
    "204": lambda request: Response("", 204),
    "204body": lambda request: Response("body", 204),
    "304": lambda request: Response("body", 304),
    "299": lambda request: Response("odd", 299),
    "500": lambda request: Response("sorry", 500),
    "large": lambda request: Response(b"x" * 1_000_000),
}

def register(name, make):
    async def make_async(request):
        return make(request)

    hwebserver.urlHandler(f"/{name}")(make)
    hwebserver.urlHandler(f"/async/{name}")(make_async)

def headers(request):
    response = Response("x", content_type="text/plain")
    response.setHeader("content-type", "text/x-new")
    response.setHeader("X-One", "1")
    response.setHeader("x-ONE", "2")
    response.setHeader("Content-Length", "5000")
    response.setHeader("Set-Cookie", "a=1; Path=/")
    response.setHeader("Set-Cookie", "b=2")
    response.setHeader("set-cookie", "a=3")
    response.setHeader("X-Latin", "\\xfc")
    found = [response.headers(), response.isChunked(), response.contentLength()]
    response.setBody(json.dumps(found))
    return response

def with_own(request):
    request.req.headers_out["X-Own"] = "1"
    response = Response("own")
    response.setHeader("X-Two", "2")
    return response

def chunked(request):
    response = Response("x" * 1000)
    response.setHeader("Transfer-Encoding", "chunked")
    assert response.isChunked() and response.headers()["Transfer-Encoding"] == "chunked"
    return response

responses |= {"headers": headers, "own": with_own, "chunked": chunked}
for name, make in responses.items():
    register(name, make)

@hwebserver.urlHandler("/send-headers")
def send_headers(request):
    response = Response(b"", 202, "text/plain")
    response.sendHeaders(request)
    request.sendBody(b"body")

def file(request):
    fields = request.GET()
    options = {}
    for name in ("content_type", "download_as_filename"):
        if name in fields:
            options[name] = fields[name]
    if "delete_file" in fields:
        options["delete_file"] = True
    return hwebserver.fileResponse(fields["path"], **options)

hwebserver.urlHandler("/file")(file)

@hwebserver.urlHandler("/async-file")
async def async_file(request):
    return file(request)

@hwebserver.urlHandler("/named-file")
def named_file(request):
    response = Response(pathlib.Path("digits.txt"), 404, "text/x", True)
    response.setHeader("ETag", '"mine"')
    assert response.contentLength() == 10 and response.body() == b"0123456789"
    return response

@hwebserver.urlHandler("/mine")
def mine(request):
    response = hwebserver.fileResponse("digits.txt")
    response.setHeader("ETag", '"mine"')
    return response

@hwebserver.urlHandler("/error")
def error(request):
    fields = request.GET()
    message = json.loads(fields["message"])
    if "plain" in fields:
        return hwebserver.errorResponse(request, message, 409, False)
    return hwebserver.errorResponse(request, message, 409)

@hwebserver.urlHandler("/not-found")
def not_found(request):
    return hwebserver.notFoundResponse(request)

@hwebserver.urlHandler("/redirect")
def redirect(request):
    fields = request.GET()
    return hwebserver.redirect(request, fields["to"], permanent="permanent" in fields)
"""


@pytest.fixture(scope="module")
def script(module_site: Path):
    module_site.chmod(0o777)  # Apache's user removes files
    for name, data in {
        "digits.txt": b"0123456789",
        "empty": b"",
        "page.html": b"<p>",
        "data.tar.gz": gzip.compress(b"data"),
        "x.unknown": b"x",
        "größe.png": b"png",
    }.items():
        (module_site / name).write_bytes(data)
    (module_site / "big").write_bytes(bytes(range(256)) * 4 * 4096)
    secret = module_site / "secret"
    secret.mkdir(mode=0o700)
    (secret / "file").write_text("secret")
    with running_script(module_site, SCRIPT) as running:
        yield running


@pytest.fixture(autouse=True)
def log(script: Script):
    yield
    script.log.check()


@pytest.fixture(params=["", "/async"], ids=["plain", "async"])
def by(request: pytest.FixtureRequest) -> str:
    """Where the handlers are that are plain functions, or async ones."""
    return request.param


@pytest.mark.parametrize(
    ("path", "status", "kind", "body"),
    [
        ("/str", 200, "text/html; charset=utf-8", "ü".encode()),
        ("/bytes", 200, "application/json", b"\xfc"),
        ("/bytearray", 200, "image/png", b"x"),
        ("/latin", 200, "text/plain; charset=latin-1", b"\xfc"),
        ("/json", 201, "application/json", '"ü"'.encode()),
        ("/empty", 200, "text/html; charset=utf-8", b""),
        ("/empty404", 404, "text/plain", b""),
        ("/full404", 404, "text/html; charset=utf-8", b"nothing"),
        ("/204", 204, None, b""),
        ("/204body", 204, None, b""),
        ("/304", 304, None, b""),
        ("/299", 299, "text/html; charset=utf-8", b"odd"),
        ("/500", 500, "text/html; charset=utf-8", b"sorry"),
        ("/large", 200, "text/html", b"x" * 1_000_000),
    ],
)
def test_what_is_sent(script: Script, by: str, path: str, status: int, kind: str, body: bytes):
    path = f"{by}{path}"
    answer = script.get(path)
    assert (answer.status, answer.type, answer.body) == (status, kind, body)
    length = None if status in (204, 304) else str(len(body))
    assert answer.headers["Content-Length"] == length
    assert answer.headers["Transfer-Encoding"] is None
    head = script.request("HEAD", path)
    assert (head.status, head.type, head.body) == (status, kind, b"")
    assert head.headers["Content-Length"] == (None if length == "0" else length)


def test_headers(script: Script, by: str):
    answer = script.get(f"{by}/headers")
    headers, is_chunked, length = json.loads(answer.text)
    cookies = answer.headers.get_all("Set-Cookie")
    assert sorted(cookies) == ["a=3", "b=2"]
    assert headers.pop("Set-Cookie") == ", ".join(["a=3", "b=2"])
    assert headers == {"Content-Type": "text/x-new", "x-ONE": "2", "X-Latin": "ü"}
    assert not is_chunked and length == 1
    assert answer.type.startswith("text/x-new") and answer.headers.get_all("X-One") == ["2"]
    assert answer.headers["Content-Length"] == str(len(answer.body))


def test_headers_of_the_request_go_out_too(script: Script, by: str):
    answer = script.get(f"{by}/own")
    assert (answer.headers["X-Own"], answer.headers["X-Two"], answer.text) == ("1", "2", "own")


def test_chunked(script: Script, by: str):
    answer = script.get(f"{by}/chunked")
    assert answer.headers["Transfer-Encoding"] == "chunked" and answer.body == b"x" * 1000
    assert answer.headers["Content-Length"] is None


def test_headers_by_themselves(script: Script):
    answer = script.get("/send-headers")
    assert (answer.status, answer.type, answer.text) == (202, "text/plain", "body")


# ---- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("digits.txt", "text/plain"),
        ("page.html", "text/html"),
        ("data.tar.gz", "application/gzip"),
        ("x.unknown", "application/octet-stream"),
        ("empty", "application/octet-stream"),
        ("gr%C3%B6%C3%9Fe.png", "image/png"),
        ("digits.txt&content_type=text/x-own", "text/x-own"),
    ],
)
@pytest.mark.parametrize("handler", ["file", "async-file"])
def test_a_file(script: Script, handler: str, name: str, kind: str):
    answer = script.get(f"/{handler}?path={name}")
    assert (answer.status, answer.type) == (200, kind)
    file = script.directory / name.partition("&")[0].replace("%C3%B6%C3%9F", "öß")
    assert answer.body == file.read_bytes()
    assert answer.headers["Accept-Ranges"] == "bytes" and answer.headers["ETag"]
    assert answer.headers["Last-Modified"] == formatdate(int(file.stat().st_mtime), usegmt=True)
    head = script.request("HEAD", f"/{handler}?path={name}")
    assert head.body == b"" and head.headers["ETag"] == answer.headers["ETag"]
    if answer.body:  # Apache has no Content-Length: 0 in the answer to HEAD
        assert head.headers["Content-Length"] == str(len(answer.body))


def test_a_large_file(script: Script):
    big = (script.directory / "big").read_bytes()
    assert script.get("/file?path=big").body == big
    answer = script.get("/file?path=big", Range="bytes=1000000-2999999")
    assert answer.status == 206 and answer.body == big[1000000:3000000]


def test_a_file_with_another_status_is_sent_whole(script: Script):
    answer = script.get("/named-file", Range="bytes=0-1", If_None_Match='"mine"')
    assert (answer.status, answer.body, answer.type) == (404, b"0123456789", "text/x")


@pytest.mark.parametrize(
    ("asked", "status", "body", "where"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("nonsense", 200, b"0123456789", None),
    ],
)
def test_a_range(script: Script, asked: str, status: int, body: bytes, where: str | None):
    answer = script.get("/file?path=digits.txt", Range=asked)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["Content-Range"] == where
    assert answer.headers["Content-Length"] == str(len(body))
    head = script.request("HEAD", "/file?path=digits.txt", headers={"Range": asked})
    assert head.status == 200 and head.headers["Content-Length"] == "10"


def test_ranges(script: Script):
    answer = script.get("/file?path=digits.txt", Range="bytes=0-1, 4-4,-2")
    kind, _, boundary = answer.type.partition("; boundary=")
    assert (answer.status, kind) == (206, "multipart/byteranges")
    parts = answer.body.decode().split(f"\r\n--{boundary}")
    assert parts == [
        "",
        "\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01",
        "\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-4/10\r\n\r\n4",
        "\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89",
        "--\r\n",
    ]


def test_conditions(script: Script):
    path = "/file?path=digits.txt"
    first = script.get(path)
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for head, status in (
        ({"If-None-Match": tag}, 304),
        ({"If-Modified-Since": date}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Range": tag, "Range": "bytes=0-0"}, 206),
        ({"If-Range": '"other"', "Range": "bytes=0-0"}, 200),
    ):
        for method in ("GET", "HEAD"):
            answer = script.request(method, path, headers=head)
            assert answer.status == (200 if method == "HEAD" and status == 206 else status), head
            if status == 304:
                assert answer.body == b"" and answer.headers["ETag"] == tag
    assert script.request("POST", path, headers={"If-None-Match": tag}).status == 200
    assert script.get("/mine", If_None_Match='"mine"').status == 304
    (script.directory / "digits.txt").write_bytes(b"9876543210")
    assert script.get(path, If_None_Match=tag).body == b"9876543210"
    (script.directory / "digits.txt").write_bytes(b"0123456789")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("a%20b.txt", 'attachment; filename="a b.txt"'),
        (
            "%E2%82%AC%20r%C3%B6%3B.txt",
            "attachment; filename=\"_ r_;.txt\"; filename*=UTF-8''%E2%82%AC%20r%C3%B6%3B.txt",
        ),
        ("%22q%22%0D%0AX:1", "attachment; filename=\"_q___X:1\"; filename*=UTF-8''%22q%22__X%3A1"),
        ("../x/y", 'attachment; filename=".._x_y"'),
    ],
)
def test_download_names(script: Script, name: str, header: str):
    answer = script.get(f"/file?path=digits.txt&download_as_filename={name}")
    assert answer.headers["Content-Disposition"] == header and answer.body == b"0123456789"


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("none", 404, "No such file or directory: 'none'"),
        ("secret", 404, "secret is no file"),
        ("digits.txt/x", 404, "Not a directory"),
        ("a%00b", 404, "embedded null"),
        pytest.param(
            "secret/file",
            500,
            "Permission denied: 'secret/file'",
            marks=pytest.mark.foreground("it is read by the script's user"),
        ),
    ],
)
def test_files_that_cannot_be_sent(script: Script, name: str, status: int, reason: str):
    if name == "secret/file" and os.geteuid() != 0:
        reason, status = "secret", 200  # it is the server's own
    else:
        script.log.expect(reason)
    answer = script.get(f"/file?path={name}")
    assert answer.status == status
    if status != 200:
        assert reason.encode() not in answer.body and answer.headers["ETag"] is None
        script.wait_for_log(reason)


def temporary(script: Script, data: bytes = b"data") -> Path:
    file = script.directory / "temporary"
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    ("method", "head", "status"),
    [
        ("GET", {}, 200),
        ("HEAD", {}, 200),
        ("GET", {"Range": "bytes=1-2"}, 206),
        ("GET", {"Range": "bytes=9-"}, 416),
        ("GET", {"If-None-Match": "*"}, 304),
    ],
)
@pytest.mark.parametrize("handler", ["file", "async-file"])
def test_delete_file(script: Script, handler: str, method: str, head: dict, status: int):
    file = temporary(script)
    path = f"/{handler}?path=temporary&delete_file=1"
    assert script.request(method, path, headers=head).status == status
    wait_for("the removal", lambda: not file.exists())


def test_a_file_is_deleted_when_it_is_sent_and_not_before(script: Script):
    size = 32 * 1024**2  # more than the sockets hold
    file = temporary(script, b"x" * size)
    connection = http.client.HTTPConnection("127.0.0.1", script.port, timeout=30)
    connection.request("GET", "/file?path=temporary&delete_file=1")
    response = connection.getresponse()
    assert len(response.read(1000)) == 1000 and file.exists()
    assert len(response.read()) == size - 1000
    connection.close()
    wait_for("the removal", lambda: not file.exists())


def test_a_file_is_deleted_when_the_client_has_gone(script: Script):
    file = temporary(script, b"x" * 32 * 1024**2)
    with socket.create_connection(("127.0.0.1", script.port), 30) as connection:
        connection.sendall(b"GET /file?path=temporary&delete_file=1 HTTP/1.0\r\n\r\n")
        assert len(connection.recv(1000)) > 0 and file.exists()
    wait_for("the removal", lambda: not file.exists())


# ---- errors and redirects -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json, */*", True),
        ("application/json", True),
        ("APPLICATION/JSON; charset=utf-8", True),
        ("text/html;q=0.5, application/json", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("text/html, application/json", False),
        ("application/json;q=0.5, text/html", False),
        ("application/json;q=0", False),
        ("application/json;q=x", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_errors_are_in_what_the_client_accepts(script: Script, accept: str, is_json: bool):
    answer = script.get('/error?message="no+<b>"', Accept=accept)
    assert answer.status == 409
    if is_json:
        assert (answer.type, json.loads(answer.text)) == ("application/json", {"error": "no <b>"})
    else:
        assert answer.type == "text/html; charset=utf-8"
        assert "<h1>no &lt;b&gt;</h1>" in answer.text and "409 Conflict" in answer.text


def test_errors_of_any_json(script: Script):
    answer = script.get('/error?message={"a":[1,"%C3%BC"]}', Accept="application/json")
    assert json.loads(answer.text) == {"error": {"a": [1, "ü"]}}
    assert "&quot;a&quot;: [1]" in script.get('/error?message={"a":[1]}').text
    assert "<h1>" not in script.get("/error?message=1&plain=1").text


def test_not_found(script: Script):
    assert script.get("/not-found").status == 404
    assert "error" in json.loads(script.get("/not-found", Accept="application/json").text)


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/a/b?c=1%26d", "http://{host}/a/b?c=1&d"),
        ("next", "http://{host}/next"),
        ("?q", "http://{host}/redirect?q"),
        ("https://elsewhere/x", "https://elsewhere/x"),
        ("/%C3%BC%20x", "http://{host}/%C3%BC%20x"),
        ("/a%0D%0AX-Evil:1", "http://{host}/a%0D%0AX-Evil:1"),
        ("/%22%3E%3Cscript%3E", "http://{host}/%22%3E%3Cscript%3E"),
    ],
)
def test_redirect(script: Script, to: str, location: str):
    found = location.format(host=f"127.0.0.1:{script.port}")
    answer = script.get(f"/redirect?to={to}")
    assert (answer.status, answer.headers["Location"]) == (302, found)
    assert not re.search("<script", answer.text) and "X-Evil" not in answer.headers
    answer = script.get(f"/redirect?to={to}&permanent=1")
    assert (answer.status, answer.headers["Location"]) == (301, found)
