"""The command as its users meet it: serve, check, config, and what they say when it is wrong."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO
from urllib.request import urlopen

import pytest
from support.site import request, wait_for

from httpdapy.apache import installation
from httpdapy.apache.permissions import serving_user
from httpdapy.apache.server import free_port

HTTPDAPY = Path(sys.prefix) / "bin/httpdapy"
HELLO = (
    "import httpdapi, os\nclass RequestHandler(httpdapi.RequestHandler):\n"
    "    def Content(self): return f'hello {os.getppid()}'\n"
)


@pytest.fixture(scope="session")
def way() -> str:
    """The default one only."""
    return "direct"


def run(*arguments: object, **settings) -> subprocess.CompletedProcess:
    settings.setdefault("timeout", 30)
    return subprocess.run(
        [HTTPDAPY, *map(str, arguments)], capture_output=True, text=True, check=False, **settings
    )


def _read(stream: IO[str], lines: list[str]) -> None:
    with stream:
        lines.extend(iter(stream.readline, ""))


class Serving:
    """A running `httpdapy serve`."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [HTTPDAPY, "serve", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._readers = [
            threading.Thread(target=_read, args=[self.process.stdout, self.out]),
            threading.Thread(target=_read, args=[self.process.stderr, self.err]),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> "Serving":
        wait_for("the address", lambda: self.find(r"^Serving (.*) at http://[^:]+:(\d+)/$"))
        match = self.find(r"^Serving (.*) at http://[^:]+:(\d+)/$")
        self.directory, self.port = match[1], int(match[2])
        return self

    def find(self, pattern: str) -> re.Match | None:
        assert self.process.poll() is None, self.err
        return next(filter(None, (re.search(pattern, line) for line in self.out)), None)

    def __exit__(self, *rest) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        for reader in self._readers:
            reader.join()

    def get(self, path: str):
        return request(self.port, "GET", path)

    def apache(self) -> int:
        """Process id of Apache's parent process."""
        return int(self.get("/hello.py").text.split()[1])


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.fixture(autouse=True)
def temporary(monkeypatch):
    """The directory for temporary files, of this test alone; empty in the end."""
    with tempfile.TemporaryDirectory(prefix="httpdapy-test-") as directory:
        Path(directory).chmod(0o755)
        monkeypatch.setenv("TMPDIR", directory)
        yield Path(directory)
        assert list(Path(directory).iterdir()) == []


@pytest.fixture
def hello(tmp_site: Path) -> Path:
    (tmp_site / "hello.py").write_text(HELLO)
    return tmp_site


# ---- serve --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_and_stop(hello: Path, temporary: Path, number: int):
    with Serving(hello, "--port", 0) as serving:
        assert serving.directory == str(hello)
        apache = serving.apache()
        assert len(list(temporary.iterdir())) == 1
        wait_for("the access log", lambda: serving.find(r'"GET /hello.py HTTP/1.1" 200 '))
        serving.process.send_signal(number)
        assert serving.process.wait(15) == 0
        assert gone(apache) and port_is_free(serving.port)
    assert not any("Traceback" in line for line in serving.err)


def test_interrupt_from_the_terminal(hello: Path):
    """Ctrl-C goes to the whole process group of the foreground."""
    with Serving(hello, "--port", 0) as serving:
        apache = serving.apache()
        os.killpg(serving.process.pid, signal.SIGINT)
        os.killpg(serving.process.pid, signal.SIGINT)
        assert serving.process.wait(15) == 0
        assert gone(apache)


def test_killed_without_a_chance(hello: Path, temporary: Path):
    with Serving(hello, "--port", 0) as serving:
        apache = serving.apache()
        serving.process.kill()
        serving.process.wait()
        wait_for("Apache's end", lambda: gone(apache))
        assert port_is_free(serving.port)
        wait_for("the directory's end", lambda: not list(temporary.iterdir()))


def test_apache_that_ends_by_itself(hello: Path):
    with Serving(hello, "--port", 0) as serving:
        os.kill(serving.apache(), signal.SIGTERM)
        assert serving.process.wait(15) == 2
        wait_for(
            "the message", lambda: any("Apache ended by itself" in line for line in serving.err)
        )


def test_processes_and_threads(hello: Path):
    (hello / "pids.py").write_text(HELLO.replace("f'hello {os.getppid()}'", "str(os.getpid())"))
    with Serving(hello, "--port", 0, "--processes", 2, "--threads", 3) as serving:
        apache = serving.apache()
        children = Path(f"/proc/{apache}/task/{apache}/children").read_text().split()
        assert len(children) == 2


def test_debug(tmp_site: Path):
    (tmp_site / "page.py").write_text("1 / 0\n")
    for flag, shown in ((["--debug"], True), ([], False)):
        with Serving(tmp_site, "--port", 0, *flag) as serving:
            answer = serving.get("/page.py")
            assert answer.status == 500 and ("ZeroDivisionError" in answer.text) is shown
            wait_for("the log", lambda: any("ZeroDivisionError" in line for line in serving.err))


def test_options_for_mod_wsgi_express(hello: Path):
    with Serving(
        hello, "--port", 0, "--", "--server-status", "--setenv", "COLOUR", "red"
    ) as serving:
        assert "Apache Server Status" in serving.get("/server-status").text
    (hello / "start.py").write_text(HELLO)
    (hello / ".htaccess").write_text("PythonOption a 1\n")
    options = ["--directory-index", "start.py", "--directory-listing", "--allow-override", "None"]
    with Serving(hello, "--port", 0, "--", *options) as serving:
        assert serving.get("/").text.startswith("hello")
    done = run("serve", hello, "--port", 0, "--", "--no-such-option")
    assert done.returncode == 2
    assert "mod_wsgi-express: no such option: --no-such-option" in done.stderr


@pytest.mark.parametrize(
    ("options", "mpm"), [([], "event"), (["--", "--server-mpm", "prefork"], "prefork")]
)
def test_mpm(hello: Path, options: list[str], mpm: str):
    """The one that check recommends where threads cannot have working directories."""
    with Serving(hello, "--port", 0, *options) as serving:
        assert serving.get("/hello.py").status == 200
        wait_for("the notice", lambda: any(f"[mpm_{mpm}:notice]" in line for line in serving.err))


@pytest.mark.skipif(
    not (installation.find().modules / "mod_ssl.so").exists(),
    reason="this Apache was built without mod_ssl, as the one from PyPI can be",
)
def test_https(hello: Path, temporary: Path):
    certificate = temporary / "server"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost "
        f"-keyout {certificate}.key -out {certificate}.crt".split(),
        check=True,
        capture_output=True,
    )
    port = free_port("127.0.0.1", 0)
    options = ["--https-port", port, "--ssl-certificate", certificate, "--server-name", "localhost"]
    with Serving(hello, "--port", 0, "--", *options) as serving:
        context = ssl.create_default_context(cafile=f"{certificate}.crt")
        with urlopen(f"https://localhost:{port}/hello.py", context=context) as answer:
            assert answer.read().startswith(b"hello ")
        serving.process.terminate()
        assert serving.process.wait(15) == 0
    for suffix in (".key", ".crt"):
        certificate.with_suffix(suffix).unlink()


def test_index_and_htaccess(hello: Path):
    (hello / "d").mkdir()
    (hello / "d/index.py").write_text(HELLO)
    (hello / ".htaccess").write_text("PythonOption a 1\nOptions +Indexes\n")
    with Serving(hello, "--port", 0) as serving:
        assert serving.get("/d/").text.startswith("hello")
        assert "Index of /" in serving.get("/").text
        assert serving.get("/.htaccess").status == 403


def test_current_directory_is_the_default(hello: Path):
    process = subprocess.Popen(
        [HTTPDAPY, "serve", "--port", "0"], cwd=hello, stdout=subprocess.PIPE
    )
    with process:
        assert (
            process.stdout.readline().decode().startswith(f"Serving {hello} at http://127.0.0.1:")
        )
        process.terminate()


def one_sentence(done: subprocess.CompletedProcess, *parts: str) -> None:
    """Exit status 2 and a last line with all the parts; no traceback."""
    assert done.returncode == 2, done
    last = done.stderr.strip().splitlines()[-1]
    for part in parts:
        assert part in last, done.stderr
    assert "Traceback" not in done.stderr


def test_busy_port(hello: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one_sentence(run("serve", hello, "--port", port), f"127.0.0.1:{port}", "--port")


def test_missing_directory(tmp_site: Path):
    one_sentence(run("serve", tmp_site / "nowhere"), f"{tmp_site}/nowhere does not exist")
    (tmp_site / "file").write_text("")
    one_sentence(run("serve", tmp_site / "file"), "file is not a directory")


@pytest.mark.parametrize("hou", [(), ("--hou",)])
def test_missing_script(tmp_site: Path, hou: tuple[str, ...]):
    script = tmp_site / "missing.py"
    one_sentence(run("run", *hou, script), f"there is no {script}")
    one_sentence(run("run", "--hou"), "--hou is followed by the script")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Foo bar", "Invalid command 'Foo'"),
        ("PythonReplicas none", "PythonReplicas takes a number from 1 to 256"),
        ("Options +ExecCGI", "Option ExecCGI not allowed here"),
        ("<Files x>", "line 1: <Files> was not closed"),
    ],
)
def test_broken_htaccess(hello: Path, line: str, reason: str):
    (hello / "below").mkdir()
    (hello / "below/.htaccess").write_text(f"{line}\n")
    done = run("serve", hello, "--port", 0)
    one_sentence(done, f"{hello}/below/.htaccess", reason, "correct it")


def test_unreadable_site(hello: Path):
    if os.geteuid() != 0:
        hello.chmod(0)
    else:
        hello.chmod(0o700)
    try:
        done = run("serve", hello, "--port", 0)
    finally:
        hello.chmod(0o755)
    one_sentence(done, "the site", f"chmod o+x {hello}")


def test_apache_is_not_there(hello: Path):
    done = run("serve", hello, env={**os.environ, "HTTPD": "/no/such/httpd"})
    one_sentence(done, "Apache is not here", "install it")


def test_a_path_that_configuration_cannot_hold(tmp_site: Path):
    odd = tmp_site / "it's here"
    odd.mkdir()
    one_sentence(run("serve", odd, "--port", 0), str(odd), "rename")


def test_a_path_with_a_space_and_umlauts(tmp_site: Path):
    site = tmp_site / "mein großer Ordner %41 #1"
    site.mkdir()
    (site / "hello.py").write_text(HELLO.replace("f'hello {os.getppid()}'", "self.req.directory"))
    with Serving(site, "--port", 0) as serving:
        assert serving.get("/hello.py").text == str(site)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "--port", "70000"], "port (0 to 65535)"),
        (["serve", "--port", "x"], "port (0 to 65535)"),
        (["serve", "--threads", "0"], "number (1 or more)"),
        (["serve", "--host", "no.such.host.invalid"], "--host"),
        (["serve", "--host", "192.0.2.1"], "cannot listen at 192.0.2.1"),
        (["check", "--", "--x"], "go with serve"),
        ([], "COMMAND"),
        (["dance"], "dance"),
    ],
)
def test_wrong_arguments(hello: Path, arguments: list[str], message: str):
    one_sentence(run(*arguments, cwd=hello), message)


# ---- check --------------------------------------------------------------------------------------


def test_check(hello: Path):
    (hello / ".htaccess").write_text("PythonOption colour red\n")
    (hello / "d").mkdir()
    (hello / "d/page.py").write_text("raise SystemExit('never run')\n")
    (hello / "d/.htaccess").write_text("PythonInterpreter main_interpreter\nPythonReplicas auto\n")
    done = run("check", hello)
    assert done.returncode == 0, done
    text = done.stdout
    assert re.search(rf"^Python +{sys.version.split()[0]}", text, re.MULTILINE)
    gil = "one per interpreter" if sys.version_info >= (3, 12) else "shared"
    assert re.search(rf"^GIL +{gil}", text, re.MULTILINE)
    assert re.search(r"^Apache +2\.4\.\d+", text, re.MULTILINE)
    assert re.search(r"^MPM +event", text, re.MULTILINE)
    assert f"runs in   interpreter {hello}\n" in text
    assert f"colour = red  (set in {hello})" in text
    assert "runs in   interpreter main_interpreter, replicas: auto" in text
    assert "Nothing to put right." in text


def test_check_protected_directory(hello: Path):
    """Access control says who may see the pages, not who may ask about the settings."""
    (hello / ".htaccess").write_text("Require all denied\nPythonOption a 1\n")
    done = run("check", hello)
    assert done.returncode == 0 and "a = 1" in done.stdout


def test_check_finds_what_is_wrong(hello: Path):
    for name in ("broken", "unmapped", "closed"):
        (hello / name).mkdir()
        (hello / name / "page.py").write_text(HELLO)
    (hello / "broken/.htaccess").write_text("Foo\n")
    (hello / "unmapped/.htaccess").write_text("RemoveHandler .py\n")
    (hello / "closed/page.py").chmod(0)
    (hello / "wrong.py").write_text("def f(:\n")
    done = run("check", hello)
    problems = [line for line in done.stdout.splitlines() if "PROBLEM" in line]
    assert done.returncode == 2
    assert any("broken/.htaccess: Invalid command 'Foo'" in line for line in problems)
    assert any("page.py is not handed to Python" in line for line in problems)
    assert any("closed/page.py cannot be read" in line and "chmod o+r" in line for line in problems)
    assert any("wrong.py: SyntaxError: " in line and "line 1" in line for line in problems)
    assert "To put right: 4." in done.stdout


def test_check_into_a_closed_pipe(hello: Path):
    done = subprocess.run(
        ["sh", "-c", f"{HTTPDAPY} check {hello} | true"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_check_missing_directory(tmp_site: Path):
    done = run("check", tmp_site / "nowhere")
    assert done.returncode == 2 and "nowhere is not a directory" in done.stdout


# ---- config -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def stock_apache(tmp_path_factory) -> Path:
    """Debian's own /etc/apache2: of this machine, or out of the package."""
    if Path("/etc/apache2/apache2.conf").exists():
        return Path("/etc/apache2")
    into = tmp_path_factory.mktemp("package")
    subprocess.run(["apt-get", "download", "-q", "apache2"], cwd=into, check=True)
    subprocess.run(["dpkg", "-x", next(into.glob("*.deb")), into / "files"], check=True)
    etc = into / "files/etc/apache2"
    for name in ["authz_core", "authz_host", "mime", "dir", "alias", "mpm_event"]:
        for file in (etc / "mods-available").glob(f"{name}.*"):
            (etc / "mods-enabled" / file.name).symlink_to(file)
    return etc


@pytest.mark.skipif(
    not Path("/usr/sbin/apache2").exists(), reason="there is no Apache of a Debian system here"
)
def test_config_for_a_system_apache(hello: Path, tmp_site: Path, stock_apache: Path):
    (hello / ".htaccess").write_text("PythonOption a 1\n")
    printed = run("config", hello)
    assert printed.returncode == 0, printed
    root = Path(tmp_site.parent / f"{tmp_site.name}-etc")
    shutil.copytree(stock_apache, root, symlinks=False)
    port = free_port("127.0.0.1", 0)
    try:
        (root / "ports.conf").write_text(f"Listen 127.0.0.1:{port}\n")
        shutil.rmtree(root / "sites-enabled", ignore_errors=True)
        (root / "conf-enabled").mkdir(exist_ok=True)
        (root / "conf-enabled/httpdapy.conf").write_text(printed.stdout)
        (root / "conf-enabled/site.conf").write_text(f'DocumentRoot "{hello}"\nServerName x\n')
        user, group = serving_user()
        variables = {
            "APACHE_RUN_USER": user,
            "APACHE_RUN_GROUP": group,
            "APACHE_PID_FILE": f"{root}/pid",
            "APACHE_RUN_DIR": str(root),
            "APACHE_LOCK_DIR": str(root),
            "APACHE_LOG_DIR": str(root),
            "LANG": "C",
            "PATH": os.environ["PATH"],
        }
        command = ["/usr/sbin/apache2", "-d", str(root), "-f", str(root / "apache2.conf")]
        test = subprocess.run(
            [*command, "-t"], env=variables, capture_output=True, text=True, check=False
        )
        assert (test.returncode, "Syntax OK" in test.stderr) == (0, True), test.stderr
        process = subprocess.Popen(
            [*command, "-DFOREGROUND"], env=variables, start_new_session=True
        )
        try:
            wait_for("Apache", lambda: process.poll() is not None or not port_is_free(port))
            assert process.poll() is None, "Apache ended"
            answer = request(port, "GET", "/hello.py")
            assert (answer.status, answer.text) == (200, f"hello {process.pid}")
            assert request(port, "GET", "/.htaccess").status == 403
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(root)


def test_config_without_the_link_sends_no_source(hello: Path):
    """The directives of the link are in <IfModule> where it may be missing."""
    text = run("config", hello).stdout
    assert "<IfModule !httpdapy_module>" in text and "Require all denied" in text
