"""HTTP/2: requests of one connection on many threads."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from support.httpd import Httpd

from httpdapy.apache import installation

pytestmark = pytest.mark.skipif(
    not (installation.find().modules / "mod_http2.so").exists(),
    reason="this Apache has no mod_http2",
)
HTTP2 = """
LoadModule http2_module "{modules}/mod_http2.so"
Protocols h2c http/1.1
H2MaxWorkerIdleSeconds 1
"""
PAGE = """
import httpdapi, os, time
class RequestHandler(httpdapi.RequestHandler):
    content_type = 'text/plain'
    def Content(self):
        r = self.req
        match r.args:
            case 'name':
                time.sleep(.02)
                return r.interpreter
            case 'stream':
                return (f'{n} ' for n in range(100))
            case 'cut':
                return (1 // (3 - n) and 'x' for n in range(5))
            case 'body':
                return str(sum(len(piece) for piece in iter(lambda: r.read(65536), b'')))
            case 'print':
                self.hook_stdout()
                print('first')
                print('second')
                while not os.path.exists('go'):
                    time.sleep(.005)
                for n in range(5000):
                    print(n)
            case 'facts':
                return repr((r.protocol, r.method, sorted(r.headers_in)))
"""


@pytest.fixture(scope="module")
def httpd(way: str, tmp_path_factory: pytest.TempPathFactory):
    import tempfile

    with tempfile.TemporaryDirectory(prefix="httpdapy-test-") as name:
        root = Path(name).resolve()
        root.chmod(0o755)
        (root / "page.py").write_text(PAGE)
        (root / ".htaccess").write_text("PythonReplicas 4\n")
        settings = HTTP2.format(modules=installation.find().modules)
        with Httpd(root, settings, modules=("setenvif",)) as server:
            yield server


def run(httpd: Httpd, work) -> list:
    async def main() -> list:
        limits = httpx.Limits(max_connections=1)
        address = f"http://127.0.0.1:{httpd.port}"
        async with httpx.AsyncClient(
            http1=False, http2=True, limits=limits, base_url=address, timeout=30
        ) as client:
            return await work(client)

    return asyncio.run(main())


def test_facts(httpd: Httpd):
    async def work(client: httpx.AsyncClient) -> list:
        return [await client.get("/page.py?facts", headers={"x-small": "1"})]

    [answer] = run(httpd, work)
    assert answer.http_version == "HTTP/2"
    protocol, method, names = eval(answer.text)
    assert (protocol, method) == ("HTTP/2.0", "GET") and {"Host", "X-Small"} <= set(names)


def test_replicas_go_by_the_thread(httpd: Httpd):
    async def work(client: httpx.AsyncClient) -> list:
        found = set()
        for _ in range(20):
            answers = await asyncio.gather(*(client.get("/page.py?name") for _ in range(12)))
            found |= {answer.text for answer in answers}
        return sorted(found)

    base = str(httpd.site)
    names = run(httpd, work)
    assert len(names) > 1 and set(names) <= {base, *(f"{base}//{n}" for n in (1, 2, 3))}


def test_streams_and_bodies(httpd: Httpd):
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 10_000

    async def work(client: httpx.AsyncClient) -> list:
        streams = await asyncio.gather(*(client.get("/page.py?stream") for _ in range(10)))
        whole = [await client.post("/page.py?body", content=b"x" * 300_000) for _ in range(5)]
        chunked = [await client.post("/page.py?body", content=pieces()) for _ in range(5)]
        return [*streams, *whole, *chunked]

    answers = [answer.text for answer in run(httpd, work)]
    assert answers[:10] == ["".join(f"{n} " for n in range(100))] * 10
    assert answers[10:] == ["300000"] * 5 + ["500000"] * 5


def test_what_is_printed_goes_out_soon(httpd: Httpd):
    async def work(client: httpx.AsyncClient) -> list:
        async with client.stream("GET", "/page.py?print") as answer:
            pieces = answer.aiter_bytes()
            found = await anext(pieces)
            while len(found) < 13:
                found += await anext(pieces)
            (httpd.site / "go").touch()
            return [found, b"".join([piece async for piece in pieces])]

    first, rest = run(httpd, work)
    assert first == b"first\nsecond\n"
    assert rest == "".join(f"{n}\n" for n in range(5000)).encode()


def test_an_answer_that_is_cut_short_is_an_error(httpd: Httpd):
    httpd.log.expect("page.py")

    async def work(client: httpx.AsyncClient) -> list:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/page.py?cut")
        return [await client.get("/page.py?facts")]

    assert run(httpd, work)[0].status_code == 200


def test_connections_that_come_and_go(httpd: Httpd):
    """The threads of mod_http2 end after a second without work, and others start."""

    async def work(client: httpx.AsyncClient) -> list:
        answers = await asyncio.gather(*(client.get("/page.py?name") for _ in range(12)))
        return [answer.status_code for answer in answers]

    for pause in (0, 1.2, 0):
        asyncio.run(asyncio.sleep(pause))
        assert run(httpd, work) == [200] * 12
