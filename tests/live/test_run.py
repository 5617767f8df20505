"""hwebserver.run(): a script that Apache answers for, from its start to its end."""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from support.script import TOLD, refuses, running_script
from support.site import request, wait_for

from httpdapy.apache.server import free_port

HELLO = """
import hwebserver

@hwebserver.urlHandler("/hello")
def hello(request):
    return hwebserver.Response("Hello")
"""

#: Nothing here depends on the way into Python.
ONE_WAY = True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(tmp_site, number):
    end = (
        f'{HELLO}\ntry:\n    hwebserver.run(0, port_callback=lambda port: print("port main", port,'
    )
    end += ' flush=True))\nfinally:\n    print("after run")\n'
    with running_script(tmp_site, end, run=None) as script:
        assert script.text("/hello") == "Hello"
        assert script.stop(number) == 0
        assert script.output[-1] == "after run"
        with pytest.raises(ConnectionRefusedError):
            script.get("/hello")


def test_requests_in_progress_finish_after_a_signal(tmp_site):
    with running_script(tmp_site, TOLD) as script:
        answers: list = []
        waiting = threading.Thread(target=lambda: answers.append(script.text("/wait")))
        waiting.start()
        wait_for("the request", (script.temporary / "begun").exists)
        (script.temporary / "begun").unlink()
        script.process.send_signal(signal.SIGTERM)
        (tmp_site / "go").touch()
        waiting.join()
        assert answers == ["waited"]
        assert script.wait() == 0


def test_a_killed_launcher_leaves_nothing(tmp_site):
    with running_script(tmp_site, HELLO) as script:
        assert script.text("/hello") == "Hello"
        assert list(script.temporary.iterdir()), "there is something that could be left"
        script.stop(signal.SIGKILL)
        wait_for("the end of all processes", lambda: not script.left())


def test_a_script_whose_files_are_its_users_only(tmp_site):
    source = "import os\nos.umask(0o077)\n" + HELLO
    with running_script(tmp_site, source) as script:
        assert script.text("/hello") == "Hello"


def test_handlers_of_several_modules(tmp_site):
    for name in ("one", "two"):
        text = (
            f"import hwebserver\n@hwebserver.urlHandler('/{name}')\n"
            f"def answer(request):\n    return hwebserver.Response('{name}')\n"
        )
        (tmp_site / f"{name}.py").write_text(text)
    with running_script(tmp_site, "import one, two\n") as script:
        assert script.text("/one") + script.text("/two") == "onetwo"


def test_processes(tmp_site):
    with running_script(tmp_site, TOLD, run="max_num_threads=2, processes=2") as script:
        assert len({script.text("/pid") for _ in range(40)}) == 2


# -- requestShutdown -------------------------------------------------------------------------------


def test_a_handler_ends_the_server(tmp_site):
    with running_script(tmp_site, TOLD) as script:
        answers: list = []
        waiting = threading.Thread(target=lambda: answers.append(script.text("/wait")))
        waiting.start()
        wait_for("the request", (script.temporary / "begun").exists)
        (script.temporary / "begun").unlink()
        assert script.text("/end") == "ending"
        assert script.process.poll() is None
        (tmp_site / "go").touch()
        waiting.join()
        assert answers == ["waited"]
        assert script.wait() == 0


AGAIN = """
import hwebserver

@hwebserver.urlHandler("/end")
def end(request):
    hwebserver.requestShutdown()
    return hwebserver.Response("ending")

def announce(name, port):
    print(f"port {name} {port}\\n", end="", flush=True)

taken = []
def remember(port):
    taken.append(port)
    announce("first", port)

hwebserver.run(0, port_callback=remember)

@hwebserver.urlHandler("/more")
def more(request):
    return hwebserver.Response("more")

hwebserver.run(taken[0] if taken else 0, port_callback=lambda port: announce("main", port))
"""


def test_run_may_be_called_again(tmp_site):
    """At the same port, which is free then, with what has been registered meanwhile."""
    source = AGAIN.replace("script.wait", "")
    file = tmp_site / "script.py"
    file.write_text(source)
    with running_script(tmp_site, source, run=None, first="first") as script:
        assert script.request("GET", "/more", port="first").status == 404
        assert script.request("GET", "/end", port="first").text == "ending"
        script.wait_for_port()
        assert script.ports["main"] == script.ports["first"]
        assert script.text("/more") == "more"


def test_shutdown_from_outside(tmp_site):
    """By a thread of the launcher's process."""
    source = f"""{HELLO}
import threading
def announce(port):
    print("port main", port, flush=True)
    threading.Thread(target=lambda: (input(), hwebserver.requestShutdown())).start()
hwebserver.run(0, port_callback=announce)
"""
    with running_script(tmp_site, source, run=None, stdin=subprocess.PIPE) as script:
        assert script.text("/hello") == "Hello"
        script.process.stdin.write("\n")
        script.process.stdin.close()
        assert script.wait() == 0


def test_a_signal_that_another_thread_takes(tmp_site):
    """It does not interrupt run() as it waits, nor does one that comes just before it waits."""
    source = f"""{HELLO}
import signal, sys, threading
def end():
    input()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
if "mod_wsgi" not in sys.modules:
    threading.Thread(target=end).start()
"""
    with running_script(tmp_site, source, stdin=subprocess.PIPE) as script:
        assert script.text("/hello") == "Hello"
        script.process.stdin.write("\n")
        script.process.stdin.close()
        assert script.wait() == 0


# -- ports -----------------------------------------------------------------------------------------


@pytest.fixture
def busy():
    """A port that somebody listens on, and the one after it, which is free."""
    while True:
        with closing(socket.socket()) as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            port = listening.getsockname()[1]
            with closing(socket.socket()) as next_one:
                try:
                    next_one.bind(("0.0.0.0", port + 1))
                except OSError:
                    continue
            yield port
            return


def test_a_busy_port(tmp_site, busy):
    refuses(tmp_site, f"{HELLO}\nhwebserver.run({busy})", f"the port {busy} at 0.0.0.0 cannot be")


def test_a_forbidden_port(tmp_site):
    source = f"{HELLO}\nhwebserver.run(81)"
    command = [sys.executable]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-net_bind_service", *command]
    refuses(tmp_site, source, "the port 81 is forbidden to this user", *command)


def test_an_address_of_another_machine(tmp_site):
    source = f'{HELLO}\nhwebserver.setSettingsForPort({{"ADDRESS": "192.0.2.1"}}, "main")\n'
    refuses(
        tmp_site, f"{source}hwebserver.run(0)", "the ADDRESS 192.0.2.1 is not one of this machine"
    )


def test_up_to_port(tmp_site, busy):
    script = (
        f"{HELLO}{ANNOUNCE}hwebserver.run({busy}, up_to_port={busy + 20}, port_callback=announce)"
    )
    with running_script(tmp_site, script, run=None) as script:
        assert busy < script.port <= busy + 20


def test_a_free_port_on_failure(tmp_site, busy):
    arguments = f"{busy}, up_to_port={busy}, use_free_port_on_failure=True, port_callback=announce"
    script = f"{HELLO}{ANNOUNCE}hwebserver.run({arguments})"
    with running_script(tmp_site, script, run=None) as script:
        assert script.port != busy
        assert script.text("/hello") == "Hello"


def test_somebody_else_is_quicker(tmp_site, busy):
    """The port was free when it was looked at, and is not when Apache wants it."""
    source = f"""{HELLO}
import sys
if "mod_wsgi" not in sys.modules:
    from httpdapy.hwebserver import service
    from httpdapy.hwebserver.choice import Listener, choose

    def choose_a_busy_one(*arguments):
        service.choose = choose
        return Listener("127.0.0.1", {busy})

    service.choose = choose_a_busy_one
"""
    with running_script(tmp_site, source) as script:
        script.log.expect("could not bind")
        assert script.port != busy
        assert script.text("/hello") == "Hello"


def test_the_port_of_the_settings(tmp_site, busy):
    """-1; PORT, then up to MAX_PORT."""
    settings = f'{{"PORT": {busy}, "MAX_PORT": {busy + 20}, "ADDRESS": "127.0.0.1"}}'
    script = (
        f"{HELLO}{ANNOUNCE}hwebserver.setSettingsForPort({settings}, '')\n"
        "hwebserver.run(-1, port_callback=announce)"
    )
    with running_script(tmp_site, script, run=None) as script:
        assert busy < script.port <= busy + 20


def test_the_settings_have_no_port(tmp_site):
    refuses(tmp_site, f"{HELLO}\nhwebserver.run(-1)", "the port main has no number; give one")


def test_a_scan_for_a_free_port(tmp_site, busy):
    """As scripts do it that know no up_to_port; in Apache's process the loop runs, too."""
    source = f"""{HELLO}{ANNOUNCE}
tried = []
@hwebserver.urlHandler("/tried")
def answer(request):
    return hwebserver.Response(repr(tried))
for port in range({busy}, {busy} + 20):
    tried.append(port - {busy})
    try:
        hwebserver.run(port, port_callback=announce)
        break
    except hwebserver.OperationFailed:
        pass
"""
    with running_script(tmp_site, source, run=None) as script:
        assert script.text("/tried") == repr(list(range(script.port - busy + 1)))


ANNOUNCE = """
def announce(port):
    print("port main", port, flush=True)
"""


def test_named_ports(tmp_site):
    source = """
import hwebserver

hwebserver.setSettingsForPort({"ADDRESS": "127.0.0.1", "ALLOW_SYSTEM_PORT": True}, "admin")
hwebserver.setSettingsForPort({"ALLOW_SYSTEM_PORT": True}, "other")

@hwebserver.urlHandler("/where", ports=["main", "admin"])
def where(request):
    return hwebserver.Response(f"{request.portName()} {request.port()}")

@hwebserver.urlHandler("/admin", ports=["admin"])
def admin(request):
    return hwebserver.Response("administration")
"""
    with running_script(tmp_site, source, run='ports=["other"]') as script:
        for name in ("main", "admin", "other"):
            script.wait_for_port(name)
        assert len(script.ports) == 3
        assert script.text("/where") == f"main {script.port}"
        assert script.get("/admin").status == 404
        there = script.request("GET", "/where", port="admin")
        assert there.text == f"admin {script.ports['admin']}"
        assert script.request("GET", "/admin", port="admin").text == "administration"
        assert script.request("GET", "/where", port="other").status == 404


def test_ports_by_number(tmp_site):
    number = free_port("127.0.0.1", 0)
    source = (
        "import hwebserver\n"
        f"@hwebserver.urlHandler('/', ports=['{number}'])\n"
        "def answer(request):\n    return hwebserver.Response('there')\n"
    )
    with running_script(tmp_site, source, run=f"ports=[{number}]") as script:
        assert request(number, "GET", "/").text == "there"
        assert script.get("/").status == 404


def test_a_port_without_a_number(tmp_site):
    source = f"{HELLO}\nhwebserver.urlHandler('/x', ports=['admin'])(hello)\nhwebserver.run(0)"
    refuses(tmp_site, source, "the port admin has no number; give one")


def test_two_servers_in_a_script(tmp_site):
    source = """
import threading
import hwebserver

servers = [hwebserver.Server(name) for name in ("a", "b")]
for server in servers:
    @server.urlHandler("/")
    def answer(request, name=server.name):
        return hwebserver.Response(name)
    @server.urlHandler("/end")
    def end(request):
        servers[1].requestShutdown()
        return hwebserver.Response("ending")

def announce(name, port):
    print(f"port {name} {port}\\n", end="", flush=True)

def run(server):
    if server.name == "a":
        server.run(0, port_callback=lambda name, port: announce("a", port))
    else:
        server.run(0, port_callback=lambda port: announce("b", port))
    print(f"over {server.name}\\n", end="", flush=True)

threading.Thread(target=run, args=servers[1:]).start()
run(servers[0])
"""
    with running_script(tmp_site, source, run=None, first="a") as script:
        script.wait_for_port("b")
        assert script.request("GET", "/", port="a").text == "a"
        assert script.request("GET", "/", port="b").text == "b"
        assert script.request("GET", "/end", port="a").text == "ending"
        wait_for("the end of b", lambda: "over b" in script.output)
        assert script.request("GET", "/", port="a").text == "a"


# -- what run() refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("run('8008')", "port of run() is a number from -1 to 65535, not '8008'"),
        ("run(0, max_num_threads=0)", "max_num_threads of run() is a number from 1 to"),
        ("run(0, processes=-1)", "processes of run() is a number from 1 to"),
        ("run(0, max_request_size=0)", "max_request_size of run() is a number 1 or more"),
        ("run(0, ports='admin')", "ports of run() is a list of names or numbers"),
        ("run(0, verbosity='Low')", "verbosity of run() is one of"),
        ("run(0, port_callback=5)", "port_callback of run() is no function"),
        ("run(0, settings='missing.py')", "the settings file missing.py: FileNotFoundError"),
    ],
)
def test_arguments_that_make_no_sense(tmp_site, call, said):
    refuses(tmp_site, f"{HELLO}\nhwebserver.{call}", said)


def test_nothing_is_registered(tmp_site):
    refuses(tmp_site, "import hwebserver\nhwebserver.run(0)", "no URL handlers")


def test_a_script_that_fails_in_apache(tmp_site):
    source = f"""{HELLO}
import sys
if "mod_wsgi" in sys.modules:
    raise LookupError("not here")
hwebserver.run(0)
"""
    refuses(tmp_site, source, "does not load in Apache's process: LookupError: not here")


@pytest.mark.parametrize(
    ("statement", "said"),
    [("sys.exit('enough')", "SystemExit: enough"), ("''", "has ended without the call of run()")],
)
def test_a_script_that_does_not_call_run_in_apache(tmp_site, statement, said):
    source = f"""{HELLO}
import sys
if "mod_wsgi" in sys.modules:
    {statement}
else:
    hwebserver.run(0)
"""
    refuses(tmp_site, source, said)


def test_what_apache_cannot_read(tmp_site):
    """For root a module, since Apache's user is another then; for others a directory of files."""
    closed = tmp_site / "helper.py"
    closed.write_text("")
    closed.chmod(0o600)
    (tmp_site / "files").mkdir(mode=0o700 if os.geteuid() == 0 else 0)
    source = f"""import helper
{HELLO}
if os.geteuid() != 0:
    hwebserver.registerStaticFilesDirectory("files")
hwebserver.run(0)
"""
    said = "the module, " if os.geteuid() == 0 else "the static directory, "
    try:
        refuses(tmp_site, f"import os\n{source}", f"{said}{tmp_site}/")
    finally:
        (tmp_site / "files").chmod(0o700)
