"""run(in_background=True): handlers in the process that has called it, and its end."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress

import pytest
from support.script import Script, running_script
from support.site import at_once, request, wait_for

#: Nothing here depends on the way into Python.
ONE_WAY = True

ANNOUNCE = """
import os
import signal
import sys
import threading
import time
import hwebserver
from hwebserver import Response

def announce(name, port):
    print(f"port {name} {port}\\n", end="", flush=True)

def say(*words):
    print(" ".join(map(str, words)) + "\\n", end="", flush=True)

def stay():
    while True:  # a signal just before a wait without end would not end it
        time.sleep(0.1)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
"""
SHARED = f"""{ANNOUNCE}
count = 0

@hwebserver.urlHandler("/count")
def counted(request):
    global count
    count += 1
    return Response(f"{{count}} {{os.getpid()}} {{threading.current_thread().name}}")

@hwebserver.urlHandler("/wait")
def wait(request):
    time.sleep(float(request.queryString()))
    return Response("waited")

@hwebserver.urlHandler("/fail")
def fail(request):
    raise LookupError("not found at all")

@hwebserver.urlHandler("/end")
def end(request):
    request.requestServerShutdown()
    return Response("ending")
"""
SERVE = "hwebserver.run(0, in_background=True, port_callback=announce)\n"


def listens(port: int) -> bool:
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def script(module_site):
    """A script that goes on while it serves, and does what it is told."""
    source = f"""{SHARED}
hwebserver.setSettingsForPort({{"ALLOW_SYSTEM_PORT": True, "LOG_FILE": "second.log"}}, "second")
hwebserver.urlHandler("/fail", ports=["second"])(fail)
for name in ("files", "more"):
    os.mkdir(name)
    with open(name + "/page.txt", "w") as file:
        file.write(name)
{SERVE}
say("pid", os.getpid())
for line in sys.stdin:
    exec(line.replace("\\\\n", "\\n"))
    say("done", line.split()[0])
"""
    with running_script(module_site, source, run=None, stdin=subprocess.PIPE) as running:
        yield running


def tell(script: Script, code: str) -> None:
    """Have the script's main thread run *code*."""
    before = len(script.output)
    assert script.process.stdin is not None
    script.process.stdin.write(code.replace("\n", "\\n") + "\n")
    script.process.stdin.flush()
    wait_for("what was told", lambda: any("done" in line for line in script.output[before:]))


def test_handlers_share_the_scripts_state(script: Script):
    wait_for("the pid", lambda: any(line.startswith("pid") for line in script.output))
    _, process, thread = script.text("/count").split()
    assert int(process) == script.process.pid and thread.startswith("hwebserver")
    tell(script, "count = 100")
    assert script.text("/count").split()[0] == "101"
    tell(script, "say('count', count)")
    assert "count 101" in script.output


def test_max_num_threads_at_once(script: Script):
    """Four by default, and the others wait."""
    began = time.monotonic()
    threads = [threading.Thread(target=script.text, args=["/wait?0.3"]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.6 <= time.monotonic() - began < 2


def test_what_is_registered_later(script: Script):
    assert script.get("/late").status == 404
    tell(script, "hwebserver.urlHandler('/late')(lambda request: Response('late'))")
    assert script.text("/late") == "late"
    tell(script, "hwebserver.urlHandler('/late')(lambda request: Response('later'))")
    assert script.text("/late") == "later"
    tell(script, "hwebserver.registerStaticFilesDirectory('files', '/files')")
    assert script.text("/files/page.txt") == "files"
    tell(script, "hwebserver.registerStaticFilesDirectory('more', '/late')")
    assert script.text("/late") == "later"
    assert script.text("/late/page.txt") == "more"
    tell(
        script,
        "import zipfile\n"
        "with zipfile.ZipFile('late.zip', 'w') as late:\n"
        "    late.writestr('a/page.txt', 'zipped')\n"
        "hwebserver.registerArchiveFile('late.zip', '/zip')\n",
    )
    assert script.text("/zip/a/page.txt") == "zipped"
    tell(script, "hwebserver.setSettingsForPort({'ALLOW_SYSTEM_PORT': True}, 'third')")
    tell(script, "hwebserver.urlHandler('/', ports=['third'])(lambda request: Response('3'))")


def test_what_cannot_be_registered_changes_nothing(script: Script):
    code = (
        "try:\n"
        "    hwebserver.setSettingsForPort({'SSL_CERTIFICATE': 'none.pem'}, 'second')\n"
        "except hwebserver.OperationFailed as error:\n"
        "    say('refused', error)\n"
        "try:\n"
        "    hwebserver.urlHandler('/', ports=['fourth'])(fail)\n"
        "except hwebserver.OperationFailed as error:\n"
        "    say('refused', error)\n"
    )
    tell(script, code)
    said = [line for line in script.output if line.startswith("refused")]
    assert "none.pem" in said[0] and "the port fourth has no number" in said[1]
    assert script.text("/count")
    tell(script, "hwebserver.registerStaticFilesDirectory('files', '/still')")
    assert script.text("/still/page.txt") == "files"


def test_a_failing_handler_is_in_the_log(script: Script):
    script.log.expect(".hwebserver]")
    assert script.get("/fail").status == 500
    script.wait_for_log("LookupError: not found at all")
    wait_for("the port", lambda: "second" in script.ports)
    assert script.request("GET", "/fail", port="second").status == 500
    file = script.directory / "second.log"
    wait_for("its log", lambda: "LookupError: not found at all" in file.read_text())
    assert sum("LookupError: not found at all" in line for line in script.log.since_check()) == 2


def test_the_socket_is_closed_to_others(script: Script):
    (found,) = script.temporary.glob("httpdapy-*/python.sock")
    assert found.stat().st_mode & 0o007 == 0
    assert found.parent.stat().st_mode & 0o007 == 0


def test_facts_cannot_be_forged(script: Script):
    tell(script, "hwebserver.urlHandler('/ip')(lambda r: Response(r.clientAddress()[0]))")
    forged = {
        "Httpdapy-Request": "GET 9.9.9.9 1 9.9.9.9 1 https x 1 admin / Host HTTP/1.1",
        "Httpdapy-Settings": "/%0Ahwebserver_port%0Asecond%0A",
        "X-Forwarded-For": "9.9.9.9",
    }
    answer = script.request("GET", "/ip", headers=forged)
    assert answer.text == "127.0.0.1"


def test_a_second_run(script: Script):
    code = (
        "try:\n    hwebserver.run(0, in_background=True)\n"
        "except hwebserver.OperationFailed as error:\n    say('second', error)"
    )
    tell(script, code)
    assert any("runs in the background already" in line for line in script.output)


# -- its end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "status"),
    [("", 0), ("raise LookupError('enough')", 1), ("os.kill(os.getpid(), 9)", -9),
     ("os._exit(5)", 5), ("signal.raise_signal(signal.SIGTERM)", 0)],
)  # fmt: skip
def test_the_scripts_end_is_apaches(tmp_site, how: str, status: int):
    """However it ends, the port is free in two seconds."""
    source = f"{SHARED}{SERVE}\nsys.stdin.readline()\n{how}\n"
    with running_script(tmp_site, source, run=None, stdin=subprocess.PIPE) as script:
        script.log.allow("Traceback")
        assert script.text("/count")
        began = time.monotonic()
        script.process.stdin.close()
        assert script.process.wait() == status
        wait_for("the port", lambda: not listens(script.port))
        assert time.monotonic() - began < 2
        wait_for("the end of all processes", lambda: not script.left())


def test_shutdown_and_another_run(tmp_site):
    """Requests in progress finish, the port is free, and run() may be called again."""
    source = f"""{SHARED}{SERVE}
while hwebserver._default.name and "again" not in sys.argv:
    time.sleep(0.01)
    with open("state", "w") as file:
        file.write(repr([t.name for t in threading.enumerate()]))
    if not any(t.name == "hwebserver" for t in threading.enumerate()):
        sys.argv.append("again")
hwebserver.run(0, in_background=True, port_callback=lambda port: announce("again", port))
stay()
"""
    with running_script(tmp_site, source, run=None) as script:
        waiting: list[str] = []
        thread = threading.Thread(target=lambda: waiting.append(script.text("/wait?0.5")))
        thread.start()
        assert script.text("/end") == "ending"
        thread.join()
        assert waiting == ["waited"]
        wait_for("the port", lambda: not listens(script.port))
        script.wait_for_port("again")
        assert script.request("GET", "/count", port="again").status == 200


def test_several_servers(tmp_site):
    source = f"""{ANNOUNCE}
servers = [hwebserver.Server(name) for name in ("a", "b")]
for server in servers:
    @server.urlHandler("/")
    def answer(request, name=server.name):
        return Response(name)
    @server.urlHandler("/end")
    def end(request):
        request.requestServerShutdown()
        return Response("ending")
    server.run(0, in_background=True,
               port_callback=lambda name, port, server=server: announce(server.name, port))
stay()
"""
    with running_script(tmp_site, source, run=None, first="b") as script:
        for name in "ab":
            assert script.request("GET", "/", port=name).text == name
        assert script.request("GET", "/end", port="a").text == "ending"
        wait_for("the end of a", lambda: not listens(script.ports["a"]))
        assert script.request("GET", "/", port="b").text == "b"


def test_a_fork_has_no_server(tmp_site):
    """Nor does it keep one alive, or the connections."""
    source = f"""{SHARED}{SERVE}
child = os.fork()
if not child:
    print("child", os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""
    with running_script(tmp_site, source, run=None, stdin=subprocess.PIPE) as script:
        script.log.allow("DeprecationWarning")
        wait_for("the child", lambda: any(line.startswith("child") for line in script.output))
        child = int(next(line for line in script.output if line.startswith("child")).split()[1])
        assert script.text("/count")
        began = time.monotonic()
        script.process.stdin.close()
        script.process.wait()
        wait_for("the port", lambda: not listens(script.port))
        assert time.monotonic() - began < 2
        assert child in script.processes()
        os.kill(child, signal.SIGKILL)
        wait_for("the end of all processes", lambda: not script.left())


def test_a_child_that_ends_ends_no_server(tmp_site):
    """What multiprocessing forks, or a script itself, may come to its own normal end."""
    source = f"""{SHARED}{SERVE}
child = os.fork()
if not child:
    sys.exit(0)
os.waitpid(child, 0)
say("waited")
stay()
"""
    with running_script(tmp_site, source, run=None) as script:
        script.log.allow("DeprecationWarning")
        wait_for("the child's end", lambda: "waited" in script.output)
        assert script.text("/count")


def test_connections_that_wait_for_long_are_closed(tmp_site):
    """Apache's workers have others, when they need them."""
    source = f"""{SHARED}
from httpdapy.hwebserver import backend
backend._IDLE_S = 0.3

@hwebserver.urlHandler("/connections")
def connections(request):
    import gc
    all = [each for each in gc.get_objects() if type(each) is backend.Protocol]
    return Response(str(sum(not each.transport.is_closing() for each in all)))
{SERVE}
stay()
"""
    with running_script(tmp_site, source, run=None) as script:
        answers = at_once([lambda: script.text("/wait?0.1") for _ in range(8)])
        assert answers == ["waited"] * 8
        assert int(script.text("/connections")) > 2
        assert script.text("/wait?1") == "waited"  # on one of them, longer than that
        assert int(script.text("/connections")) <= 2
        assert script.text("/count").startswith("1 ")


# -- what decides ----------------------------------------------------------------------------------


def test_without_a_file_it_serves_from_this_process(tmp_site):
    """python -c: until a signal, as nobody types."""
    code = f"{SHARED}hwebserver.run(0, port_callback=announce)\nsay('over')"
    command = [sys.executable, "-c", code]
    with running_script(tmp_site, "", run=None, command=command, given=[]) as script:
        signal_ends = script.text("/count").split()
        assert int(signal_ends[1]) == script.process.pid


def test_an_interactive_session(tmp_site):
    """python -i: run() returns, and the prompt works."""
    source = f"{SHARED}hwebserver.run(0, port_callback=announce)\nsay('prompt')\n"
    command = [sys.executable, "-i", "-q"]
    with running_script(
        tmp_site, source, run=None, command=command, stdin=subprocess.PIPE
    ) as script:
        wait_for("the prompt", lambda: "prompt" in script.output)
        assert script.text("/count").split()[0] == "1"
        script.process.stdin.write("count = 41\n")
        script.process.stdin.flush()

        def answered() -> bool:
            return script.text("/count").split()[0] == "42" or not script.process.stdin.write(
                "count = 41\n"
            )

        wait_for("the prompt's change", answered)
        script.process.stdin.close()
        assert script.wait() == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("run(0, in_background=True, processes=2)", "leave processes out"),
        ("Server('x').run(0, in_background=True)", "no URL handlers are registered"),
        ("run(81, in_background=True, port_callback=5)", "port_callback of run() is no function"),
    ],
)
def test_what_run_refuses(tmp_site, call: str, said: str):
    file = tmp_site / "script.py"
    file.write_text(f"{SHARED}hwebserver.{call}\n")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_site, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1 and said in done.stderr.splitlines()[-1]


def test_a_busy_port(tmp_site):
    with closing(socket.socket()) as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        source = f"""{SHARED}
for number in range({port}, {port} + 20):
    try:
        hwebserver.run(number, in_background=True, port_callback=announce)
        break
    except hwebserver.OperationFailed as error:
        say(error)
stay()
"""
        with running_script(tmp_site, source, run=None) as script:
            assert script.port > port
            assert f"the port {port} at 0.0.0.0 cannot be listened on" in "".join(script.output)


# -- faults ----------------------------------------------------------------------------------------


def test_the_process_is_stopped(tmp_site):
    """Stopped, it does not answer, and Apache says so; continued, it does."""
    source = f"""{SHARED}
hwebserver.setSettingsForPort({{"TIMEOUT": 1}})
{SERVE}
stay()
"""
    with running_script(tmp_site, source, run=None) as script:
        script.log.allow("HDPY0018")
        os.kill(script.process.pid, signal.SIGSTOP)
        try:
            assert script.get("/count").status == 504
        finally:
            os.kill(script.process.pid, signal.SIGCONT)
        assert script.text("/count")
        script.wait_for_log("HDPY0018")


def test_a_client_that_is_half_open_and_one_that_reads_slowly(tmp_site):
    """They keep nobody else waiting, and are let go."""
    source = f"""{SHARED}
@hwebserver.urlHandler("/large")
def large(request):
    return Response(b"x" * 30_000_000)
@hwebserver.urlHandler("/threads")
def threads(request):
    return Response(str(sum(t.name.startswith("hwebserver-") for t in threading.enumerate())))
{SERVE}
stay()
"""
    with running_script(tmp_site, source, run=None) as script:
        slow = [socket.create_connection(("127.0.0.1", script.port), 30) for _ in range(8)]
        for each in slow:
            each.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            assert each.recv(1000)
        half = [socket.create_connection(("127.0.0.1", script.port), 30) for _ in range(8)]
        for each in half:
            each.sendall(b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12")
        assert script.text("/count")
        for each in (*half, *slow):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        assert request(script.port, "GET", "/large").body == b"x" * 30_000_000


def test_changes_from_many_threads_and_from_the_loop(tmp_site):
    """Each is in force when its call returns; those of the event loop soon after."""
    for n in range(6):
        (tmp_site / f"d{n}").mkdir()
        (tmp_site / f"d{n}" / "x").write_text(str(n))
    source = f"""{SHARED}
def add(request):
    number = request.queryString()
    hwebserver.registerStaticFilesDirectory(f"d{{number}}", f"/s{{number}}")
    return Response(number)

async def add_on_the_loop(request):
    return add(request)

hwebserver.urlHandler("/add")(add)
hwebserver.urlHandler("/add-on-the-loop")(add_on_the_loop)
{SERVE}
stay()
"""
    with running_script(tmp_site, source, run=None) as script:

        def add(number: int) -> str:
            return script.text(f"/add?{number}") + script.text(f"/s{number}/x")

        found = at_once([lambda n=n: add(n) for n in range(4)])
        assert found == ["00", "11", "22", "33"]
        for number in (4, 5):
            assert script.text(f"/add-on-the-loop?{number}") == str(number)
        wait_for("them", lambda: script.get("/s5/x").status == 200)
        assert script.text("/s4/x") + script.text("/s5/x") == "45"
