"""Clients of API functions: webapiclient, requests and curl, with a real server."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from support.guide import DOCS, blocks
from support.programs import ENVIRONMENT, program
from support.script import Script, running_script
from support.site import at_once

from webapiclient import APIError, File, ResponseFile, Service

#: In the background of a script, too.
LIVE = True

SOURCE = """
import hashlib
import threading

import hwebserver
from hwebserver import APIError, Response, apiFunction

released = threading.Event()

@apiFunction()
def echo(request, *args, **kwargs):
    return [args, kwargs]

@apiFunction("files")
def digest(request, data, name=""):
    digest = hashlib.sha256()
    while piece := data.read(100_000):
        digest.update(piece)
    return [data.name(), data.size(), digest.hexdigest(), name]

@apiFunction("files.deep")
def zeros(request, size):
    return bytes(size)

@apiFunction()
def refuse(request, error):
    raise APIError(error)

@apiFunction()
def fail(request):
    return 1 / 0

@apiFunction()
def who(request):
    return [request.headers().get("Authorization"), request.clientAddress()[1]]

@apiFunction()
def hang(request):
    released.wait(20)

@apiFunction()
def release(request):
    released.set()

@apiFunction()
def nothing(request):
    return Response("", 204)

@apiFunction()
def page(request):
    return Response("<p>Hello", 200, "text/html")
"""


@pytest.fixture(scope="module")
def script(module_site):
    with running_script(module_site, SOURCE) as running:
        running.log.allow("")
        yield running


@pytest.fixture
def url(script: Script):
    return f"http://127.0.0.1:{script.port}/api"


@pytest.fixture
def service(url: str):
    with Service(url) as made:
        yield made


# ---- webapiclient --------------------------------------------------------------------------------


def test_arguments_and_results(service: Service):
    value = [None, True, 1, 2.5, "ä\x00\U0001f600", {"a": [{}]}]
    assert service.echo() == [[], {}]
    assert service.echo(*value, a=value, **{"any name": 1}) == [value, {"a": value, "any name": 1}]


def test_files(service: Service, tmp_path: Path):
    data = bytes(range(256)) * 40_000
    (tmp_path / "large.bin").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    sent = File(tmp_path / "large.bin")
    assert service.files.digest(data=sent, name="ä") == ["large.bin", len(data), digest, "ä"]
    assert service.files.digest(data=bytearray(data)) == ["unnamed.bin", len(data), digest, ""]
    empty = hashlib.sha256().hexdigest()
    assert service.files.digest(data=b"") == ["unnamed.bin", 0, empty, ""]


def test_a_binary_result(service: Service):
    with service.files.deep.zeros(5_000_000) as result:
        assert isinstance(result, ResponseFile)
        assert result.read(10) == bytes(10)
        assert len(result.read()) == 4_999_990


def test_responses(service: Service):
    with service.page() as result:
        assert result.content_type.startswith("text/html")
        assert result.read() == b"<p>Hello"
    with service.nothing() as result:
        assert result.read() == b""


@pytest.mark.parametrize("error", ["no", None, {"code": [7]}])
def test_api_errors(service: Service, error):
    with pytest.raises(APIError) as raised:
        service.refuse(error)
    assert (raised.value.status_code, raised.value.message) == (422, error)


@pytest.mark.parametrize(
    ("call", "status", "said"),
    [
        (lambda service: service.unknown(), 404, "there is no API function 'unknown'"),
        (lambda service: service.refuse(), 422, "refuse(): missing a required argument: 'error'"),
        (lambda service: service.refuse(1, 2), 422, "refuse(): too many positional arguments"),
        (lambda service: service.fail(), 500, "the function failed; the server's log says why"),
    ],
)
def test_errors(service: Service, call, status: int, said: str):
    with pytest.raises(APIError) as raised:
        call(service)
    assert (raised.value.status_code, raised.value.message) == (status, said)


def test_no_api_at_this_path(script: Script):
    with Service(f"http://127.0.0.1:{script.port}/other") as service:
        with pytest.raises(APIError) as raised:
            service.echo()
        assert raised.value.status_code == 404


def test_calls_that_are_too_large(tmp_site: Path, tmp_path: Path):
    (tmp_path / "large.bin").write_bytes(bytes(20_000_000))
    with running_script(tmp_site, SOURCE, run="max_request_size=10_000") as script:
        script.log.allow("")
        with Service(f"http://127.0.0.1:{script.port}/api") as service:
            for arguments in ({"data": "x" * 20_000}, {"data": File(tmp_path / "large.bin")}):
                with pytest.raises(APIError) as raised:
                    service.files.digest(**arguments)
                assert raised.value.status_code == 413
            assert service.echo(1) == [[1], {}]


def test_a_function_that_takes_too_long(url: str, service: Service):
    with Service(url, timeout=0.05) as hasty, pytest.raises(TimeoutError):
        hasty.hang()
    service.release()


def test_credentials_and_connections(url: str):
    with Service(url, headers={"Authorization": "Bearer t"}) as service:
        first, second = service.who(), service.who()
    assert first == second  # one TCP port: one connection
    assert first[0] == "Bearer t"
    with Service(url, auth=("ann", "secret")) as service:
        assert service.who()[0] == "Basic YW5uOnNlY3JldA=="


def test_threads_share_a_service(service: Service):
    calls = [lambda n=n: service.echo(n) for n in range(8)]
    assert at_once(calls) == [[[n], {}] for n in range(8)]


def test_the_example_in_the_guide(module_site: Path, tmp_site: Path):
    found = blocks(DOCS / "hwebserver/webapiclient.md")
    source = next(block.text for block in found if "script.py" in block.files)
    client = next(block.text for block in found if "webapiclient.Service(" in block.text)
    shown = next(block.text for block in found if "$ python client.py" in block.text)
    poem = next(block.text for block in found if "poem.txt" in block.files)
    (tmp_site / "poem.txt").write_text(poem)
    with running_script(tmp_site, source.replace("hwebserver.run(8008)\n", "")) as script:
        done = subprocess.run(
            [sys.executable, "-c", client.replace("8008", str(script.port))],
            cwd=tmp_site,
            capture_output=True,
            text=True,
            check=True,
        )
    assert f"$ python client.py\n{done.stdout}" == shown


# ---- requests ------------------------------------------------------------------------------------


def test_requests(url: str):
    answer = requests.post(url, data={"json": json.dumps(["echo", [1], {"a": "ä"}])}, timeout=10)
    assert (answer.status_code, answer.json()) == (200, [[1], {"a": "ä"}])
    answer = requests.post(url, json=["echo", ["ä"], {}], timeout=10)
    assert answer.json() == [["ä"], {}]
    answer = requests.post(url, data={"cmd_function": "echo", "a": "b c"}, timeout=10)
    assert answer.json() == [[], {"a": "b c"}]
    answer = requests.post(
        url,
        data={"json": json.dumps(["files.digest", [], {}])},
        files={"data": ("a.bin", b"\x00\x01", "application/octet-stream")},
        timeout=10,
    )
    assert answer.json()[:2] == ["a.bin", 2]
    headers = {"Accept": "application/json"}
    answer = requests.post(
        url, data={"cmd_function": "refuse", "error": "no"}, headers=headers, timeout=10
    )
    assert (answer.status_code, answer.json()) == (422, {"error": "no"})


# ---- curl ----------------------------------------------------------------------------------------


def curl(*arguments: str) -> str:
    done = subprocess.run(
        [program("curl"), "--silent", "--show-error", "--max-time", "20", *arguments],
        capture_output=True,
        check=True,
        env=ENVIRONMENT,
    )
    return done.stdout.decode()


def test_curl(url: str, tmp_path: Path):
    assert curl("-d", 'json=["echo", [1], {"a": 2}]', url) == '[[1], {"a": 2}]'
    assert curl("-d", "cmd_function=echo", "--data-urlencode", "a=b&c", url) == '[[], {"a": "b&c"}]'
    (tmp_path / "data.bin").write_bytes(bytes(3_000_000))
    uploaded = curl(
        "-F", 'json=["files.digest", [], {}]', "-F", f"data=@{tmp_path / 'data.bin'}", url
    )
    assert json.loads(uploaded)[:2] == ["data.bin", 3_000_000]
    chunked = ("-H", "Transfer-Encoding: chunked", "-d", 'json=["echo", [], {}]')
    assert curl(*chunked, url) == "[[], {}]"
    answer = curl("-i", "-H", "Accept: application/json", "-d", "cmd_function=nothing%20here", url)
    assert answer.startswith("HTTP/1.1 404 ")
    assert answer.endswith('{"error": "there is no API function \'nothing here\'"}')
    answer = curl("-i", "-X", "GET", url)
    assert answer.startswith("HTTP/1.1 405 ") and "\r\nAllow: POST\r\n" in answer
