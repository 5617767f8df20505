"""Connections of WebSockets: where they are, many of them, their faults and their end."""

import os
import resource
import signal
import socket
import ssl
import struct
import time

import pytest
import trustme
from support.script import Script, running_script
from support.site import at_once, wait_for
from support.websocket import (
    CLOSE,
    ECHO,
    PING,
    TEXT,
    Client,
    Frame,
    closing,
    connected,
    either_way,
    frame,
    refused,
)

#: Nothing here depends on the way into Python, but all on where the script's handlers run.
ONE_WAY = True
LIVE = True


@pytest.fixture(scope="module")
def script(module_site):
    with running_script(module_site, ECHO) as running:
        yield running


def descriptors(script: Script) -> int:
    """How many files all processes of a script have open."""
    return sum(len(os.listdir(f"/proc/{process}/fd")) for process in script.processes())


def test_apache_hands_connections_over(script: Script):
    """An open one is one socket, of the process that answers it."""
    before = descriptors(script)
    clients = [Client(script.port, "/echo") for _ in range(100)]
    assert {client.text("x") for client in clients} == {"x"}
    assert before + 80 < descriptors(script) < before + 130
    for client in clients:
        client.close()


@pytest.mark.foreground("there is one process")
def test_processes_have_connections_of_their_own(tmp_site):
    """Each is handed over to the process that has accepted it, whichever took the request."""
    with running_script(tmp_site, ECHO, run="processes=2") as script:
        clients = [Client(script.port, "/whose") for _ in range(40)]
        assert {client.status for client in clients} == {101}
        said = [client.message().data for client in clients]
        assert len(set(said)) == 2
        for client in clients:
            client.socket.close()


def test_apache_may_have_many_files_open(tmp_site):
    """As many as the limit may be raised to, whatever it is for the script."""
    source = f"""{ECHO}
import resource
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
if "python" in open("/proc/self/comm").read():  # it is not run by Apache
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, most))
"""
    with running_script(tmp_site, source) as script:
        apache = [limits(process) for process in script.processes() if is_apache(process)]
        _, most = limits(script.process.pid)
        assert len(apache) > 1 and set(apache) == {(most, most)}


def limits(process: int) -> tuple[str, str]:
    """How many files it may have open, and how many it could ask for."""
    with open(f"/proc/{process}/limits") as file:
        (line,) = (line for line in file if line.startswith("Max open files"))
    soft, hard = line.split()[3:5]
    return soft, hard


def is_apache(process: int) -> bool:
    with open(f"/proc/{process}/comm") as file:
        return file.read().strip() in ("apache2", "httpd")


def test_a_frame_comes_with_the_handshake(script: Script):
    """Before the answer to that: nothing that Apache has read already is lost."""
    with connected(script.port, "/echo", body=frame(TEXT, b"early")) as client:
        assert client.message().data == b"early"
        assert client.text("late") == "late"


def test_pythons_own_event_loop(tmp_site):
    """Without uvloop."""
    source = f"import sys\nsys.modules['uvloop'] = None\n{ECHO}"
    with running_script(tmp_site, source) as script:
        with connected(script.port, "/echo") as client:
            assert client.text("x" * 100_000) == "x" * 100_000
            client.send(closing(1000))
            assert client.rest() == [Frame(CLOSE, struct.pack("!H", 1000))]
        wait_for("its end", lambda: script.text("/log") == "echo 1 1000")


def test_a_connection_that_cannot_be_handed_over(tmp_site):
    """503; its object, which has accepted it, is told that it is lost."""
    source = f"""{ECHO}
from httpdapy.hwebserver import handover
handover._TIMEOUT_S = 0.2
handover.Handover.start = lambda self: None
handover.Handover.close = lambda self: None
"""
    with running_script(tmp_site, source) as script:
        script.log.expect("HDPY0027")
        assert refused(script.port, "/echo") == 503
        wait_for("its end", lambda: script.text("/log") == "echo 0 1006")


def test_a_process_that_a_handler_forks(tmp_site):
    """It does not keep connections open that are closed in the one that has them."""
    source = f"""{ECHO}
import time
@hwebserver.urlHandler("/fork")
def fork(request):
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    return Response(str(child))
"""
    with running_script(tmp_site, source) as script:
        script.log.allow("DeprecationWarning")
        script.log.allow("child = os.fork()")
        with connected(script.port, "/echo") as client:
            child = int(script.text("/fork"))
            try:
                assert client.text("x") == "x"
                client.close()  # which waits for the end
                os.kill(child, 0)
            finally:
                os.kill(child, signal.SIGKILL)


def memory(script: Script) -> int:
    """Of all processes of a script, KiB."""
    total = 0
    for process in script.processes():
        with open(f"/proc/{process}/smaps_rollup") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def test_a_thousand_connections(script: Script):
    """At once, in one server; what they take is given back, or taken once."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    taken = []
    for _ in range(6):  # until each process of Apache has had as many as it can
        clients = [Client(script.port, "/echo", timeout_s=30) for _ in range(1000)]
        assert {client.status for client in clients} == {101}
        for _ in range(2):
            for client in clients:
                client.send(frame(TEXT, b"hello"))
            assert {client.message().data for client in clients} == {b"hello"}
        assert script.text("/pid"), "others are answered meanwhile"
        for client in clients:
            client.send(closing(1000))
        for client in clients:
            client.rest()
            client.socket.close()
        taken.append(memory(script))
        if len(taken) > 1 and taken[-1] - taken[-2] < 8 * 1024:
            return
    raise AssertionError(taken)


@either_way
def test_the_servers_end(tmp_site, early: bytes):
    """By SIGTERM: all connections are closed with 1001, and disconnect() is called."""
    source = (
        ECHO
        + """
@hwebserver.webSocket("/last")
class Last(hwebserver.WebSocket):
    async def disconnect(self, code):
        print(f"last {code}\\n", end="", flush=True)
"""
    )
    with running_script(tmp_site, source) as script:
        clients = [Client(script.port, "/last", body=early) for _ in range(20)]
        began = time.monotonic()
        ends = at_once([script.stop, *(client.frame for client in clients)])
        assert ends[0] == 0 and time.monotonic() - began < 8
        assert {end.code for end in ends[1:]} == {1001}
        for client in clients:
            client.socket.close()
        assert script.output.count("last 1001") == 20


def test_a_blocked_event_loop(tmp_site, way: str):
    """For 10 s: what it is to answer is 504 after TIMEOUT, all else goes on; WebSockets live on."""
    (tmp_site / "files").mkdir()
    (tmp_site / "files" / "x").write_text("static")
    source = f"""{ECHO}
import time
hwebserver.setSettingsForPort({{"TIMEOUT": 1}})
hwebserver.registerStaticFilesDirectory("files")
@hwebserver.urlHandler("/block")
async def block(request):
    time.sleep(10)
    log.append("free")
    return Response("free")
"""
    with running_script(tmp_site, source) as script, connected(script.port, "/echo") as client:
        script.log.expect("HDPY0018")
        assert client.text("before") == "before"
        began = time.monotonic()
        assert script.get("/block").status == 504
        assert 0.9 < time.monotonic() - began < 4
        client.send(frame(TEXT, b"meanwhile"))
        assert refused(script.port, "/echo") == 504
        assert script.text("/static/x") == "static"
        if way == "direct":  # where only async handlers are on the loop
            assert script.text("/log") == ""
        else:
            assert script.get("/log").status == 504
        assert client.message().data == b"meanwhile"
        assert script.text("/log").split()[0] == "free"


@either_way
def test_a_client_that_reads_slowly(tmp_site, early: bytes):
    """It is sent no more than it takes, others go on, and nothing is lost."""
    source = f"""{ECHO}
@hwebserver.webSocket("/flood")
class Flood(hwebserver.WebSocket):
    async def receive(self, text_data=None, bytes_data=None):
        for number in range(100):
            await self.send(bytes([number]) * 1_000_000)
            log.append("sent")
"""
    with (
        running_script(tmp_site, source) as script,
        connected(script.port, "/flood", body=early) as slow,
        connected(script.port, "/echo") as other,
    ):

        def sent() -> int:
            assert other.text("x") == "x"
            return len(script.text("/log").splitlines())

        slow.send(frame(TEXT, b"go"))
        before = 0
        while (now := sent()) != before or not now:
            before = now
            time.sleep(0.2)
        assert now < 30
        for number in range(100):
            assert slow.message().data == bytes([number]) * 1_000_000
        wait_for("all", lambda: sent() == 100)


@either_way
def test_clients_that_are_half_open(tmp_site, early: bytes):
    """One does not answer pings, one has closed its half: both are lost, and said to be."""
    source = f"""{ECHO}
from httpdapy.hwebserver import backend
backend._PING_S = 0.5
"""
    with running_script(tmp_site, source) as script:
        with connected(script.port, "/echo", body=early) as silent:
            assert [got.opcode for got in silent.rest()] == [PING, CLOSE]
        with connected(script.port, "/echo", body=early) as half:
            half.socket.shutdown(socket.SHUT_WR)
            assert CLOSE not in [got.opcode for got in half.rest()]
        wait_for("the ends", lambda: script.text("/log").splitlines() == ["echo 0 1006"] * 2)


@either_way
def test_the_process_is_killed(tmp_site, way: str, early: bytes):
    """Its clients see the end at once, and another process of Apache answers; in the background
    all ends."""
    with running_script(tmp_site, ECHO) as script:
        with connected(script.port, "/whose", body=early) as client:
            process = int(client.message().data)
            os.kill(process, signal.SIGKILL)
            assert client.rest() == []
        if way == "direct":
            with connected(script.port, "/whose") as client:
                assert int(client.message().data) != process
        else:
            assert script.wait() == -signal.SIGKILL
            wait_for("the end of all processes", lambda: not script.left())


def test_tls_and_allowed_hosts(tmp_site):
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_site / "all.pem")
    settings = {"SSL_CERTIFICATE": "all.pem", "ALLOWED_HOSTS": ["localhost"]}
    source = f"""
import hwebserver
hwebserver.setSettingsForPort({settings})
@hwebserver.webSocket("/scheme")
class Scheme(hwebserver.WebSocket):
    async def connect(self, req):
        await self.accept()
        await self.send(f"{{req.scheme()}} {{req.isSecure()}} {{req.host().partition(':')[0]}}")
"""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with running_script(tmp_site, source) as script:
        client = Client(script.port, "/scheme", tls=context)
        assert client.message().data == b"https True localhost"
        client.close()
        forged = Client(script.port, "/scheme", "X-Forwarded-Host: evil\r\n", tls=context)
        assert forged.message().data == b"https True localhost"
        forged.close()


@pytest.mark.foreground("sources are not watched")
def test_a_changed_script(tmp_site):
    """Connections are closed with 1001, and new ones are the new script's."""
    source = """
import hwebserver
@hwebserver.webSocket("/version")
class Version(hwebserver.WebSocket):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send("VERSION")
"""
    with running_script(tmp_site, source, run="reload_source_changes=True") as script:
        with connected(script.port, "/version") as client:
            assert client.text("") == "VERSION"
            file = tmp_site / "script.py"
            file.write_text(file.read_text().replace("VERSION", "second"))
            assert client.frame().code == 1001

        def is_new() -> bool:
            with connected(script.port, "/version") as again:
                return again.text("") == "second"

        wait_for("the new script", is_new)
