"""Who is measured: Httpdapy and its peers, each with the settings at which it is at its best.

The pages are in sites/, a directory for each contender.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from httpdapy.apache import config
from httpdapy.apache.permissions import serving_user

from .machine import PARTS
from .servers import Server, Setting, apache, directory, load_module, started

_SITES = Path(__file__).parent / "sites"
#: Where `make bench-peers` puts Python's frameworks.
_FRAMEWORKS = Path(__file__).parents[1] / ".venv-bench" / "bin"
_PROGRAMS = Path(sys.prefix) / "bin"
_PATH = "/usr/sbin:/usr/bin"
_APXS = shutil.which("mod_wsgi-apxs", path=_PROGRAMS) or shutil.which("apxs", path=_PATH)
_INSTALL = "'make bench-peers' installs it"

EVENT = Setting("event", 2, 16)
PREFORK = Setting("prefork", 8)
WORKER = Setting("worker", 2, 8)
ALONE = Setting("prefork", 1)  #: one process, one thread: nothing but the request's own cost


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to answer a request.

    settings: where it may be at its best; the first one is for one connection and the last one for
    several, as far as is known.
    start: gives a server for a page's name and a setting.
    lacking: why it cannot run here, and what to do; "" if it can.
    """

    name: str
    settings: tuple[Setting, ...]
    start: Callable[..., AbstractContextManager[Server]]
    lacking: str = ""


@contextmanager
def httpdapy(
    page: str,
    setting: Setting,
    *,
    directories: Iterable[str] | Mapping[str, Sequence[str]] = ("",),
    **how: Sequence[str],
) -> Iterator[Server]:
    """Our pages in each of *directories*, or with the lines for .htaccess that it maps them to."""
    lines_of = directories if isinstance(directories, Mapping) else dict.fromkeys(directories, ())
    with directory() as root:
        for name, lines in lines_of.items():
            site = root / "site" / name
            shutil.copytree(_SITES / "httpdapy", site, dirs_exist_ok=True)
            replicas = f"PythonReplicas {setting.replicas}"
            text = ["PythonOption colour red", replicas, *lines]
            (site / ".htaccess").write_text("\n".join(text) + "\n")
        with apache(root, setting, _ours(root / "site"), page=f"{page}.py", **how) as server:
            yield server


@contextmanager
def cgi_runner(page: str, setting: Setting, **how: Sequence[str]) -> Iterator[Server]:
    """The CGI scripts that mod_cgid has, in our processes."""
    with directory() as root:
        site = shutil.copytree(_SITES / "mod_cgid", root / "site")
        lines = "AddHandler python-program .cgi\nPythonOption handler httpdapi_cgi\n"
        (site / ".htaccess").write_text(lines)
        with apache(root, setting, _ours(site), page=f"{page}.cgi", **how) as server:
            yield server


@contextmanager
def mod_wsgi(
    page: str,
    setting: Setting,
    *,
    directories: Sequence[str] = ("",),
    **how: Sequence[str],
) -> Iterator[Server]:
    """The smallest WSGI application; each of *directories* has an interpreter, the site itself the
    main one.  A setting of the kind daemon runs it in processes behind EVENT."""
    own = """
{own_gil}WSGIPerInterpreterGIL On
WSGIHandlerScript bare "{script}" application-group={interpreter} process-group={process}
<Directory "{root}/site">
    AddHandler bare .py
    WSGIScriptReloading Off
    AllowOverride {override}
</Directory>
"""
    with directory() as root:
        for name in directories:
            site = root / "site" / name
            shutil.copytree(_SITES / "mod_wsgi", site, dirs_exist_ok=True)
            (site / ".htaccess").write_text(f"SetEnv interpreter bare-{name}\n")
        is_whole_site = directories == ("",)
        own = _wsgi() + own.format(
            root=root,
            own_gil="" if sys.version_info >= (3, 12) else "# ",
            script=root / "site" / directories[0] / f"{page}.py",
            interpreter="%{GLOBAL}" if is_whole_site else "%{ENV:interpreter}",
            process="bare" if setting.kind == "daemon" else "%{GLOBAL}",
            override="None" if is_whole_site else "FileInfo",
        )
        if setting.kind == "daemon":
            workers = f"processes={setting.processes} threads={setting.threads}"
            own += f'WSGIDaemonProcess bare {workers}\nWSGISocketPrefix "{root}/wsgi"\n'
            setting = EVENT
        with apache(root, setting, own, page=f"{page}.py", **how) as server:
            yield server


@contextmanager
def mod_python(
    page: str, setting: Setting, *, htaccess: bool = False, **how: Sequence[str]
) -> Iterator[Server]:
    """Its own API, one interpreter for all; with an .htaccess as ours has, or without."""
    own = """
PythonAutoReload Off
PythonDebug Off
<Directory "{site}">
    AddHandler mod_python .py
    PythonHandler {page}
    PythonPath "['{site}'] + sys.path"
    AllowOverride {override}
</Directory>
"""
    with directory() as root:
        site = shutil.copytree(_SITES / "mod_python", root / "site")
        if htaccess:
            (site / ".htaccess").write_text("PythonOption colour red\nPythonOption size 1\n")
        override = "FileInfo" if htaccess else "None"
        own = load_module("python") + own.format(site=site, page=page, override=override)
        with apache(root, setting, own, page=f"{page}.py", **how) as server:
            yield server


@contextmanager
def mod_php(page: str, setting: Setting, **how: Sequence[str]) -> Iterator[Server]:
    """PHP in Apache's processes."""
    own = f'LoadModule php_module "{_php()}"\nAddHandler application/x-httpd-php .php'
    with directory() as root:
        shutil.copytree(_SITES / "mod_php", root / "site")
        with apache(root, setting, own, page=f"{page}.php", **how) as server:
            yield server


@contextmanager
def mod_cgid(page: str, setting: Setting, **how: Sequence[str]) -> Iterator[Server]:
    """A process for each request."""
    with directory() as root:
        site = shutil.copytree(_SITES / "mod_cgid", root / "site")
        own = (
            f'ScriptSock "{root}/cgid.sock"\nAddHandler cgi-script .cgi\n'
            f'<Directory "{site}">\nOptions ExecCGI\n</Directory>'
        )
        with apache(root, setting, own, page=f"{page}.cgi", modules=["cgid"], **how) as server:
            yield server


@contextmanager
def static(page: str, setting: Setting, **how: Sequence[str]) -> Iterator[Server]:
    """A file that Apache sends itself."""
    with directory() as root:
        site = shutil.copytree(_SITES / "static", root / "site")
        (site / "large.html").write_bytes(b"0123456789abcde\n" * 65536)
        with apache(root, setting, "", page=f"{page}.html", **how) as server:
            yield server


@contextmanager
def empty(page: str, setting: Setting, **how: Sequence[str]) -> Iterator[Server]:
    """A C module that answers from memory, without an .htaccess: the least that Apache takes."""
    with directory() as root:
        site = root / "site"
        site.mkdir()
        (site / f"{page}.c").touch()
        module = root / "mod_empty.so"
        includes = [f"-I{_apxs('INCLUDEDIR')}", *_apxs("EXTRA_INCLUDES").split()]
        source = _SITES / "c" / "empty.c"
        command = [
            "cc",
            "-shared",
            "-fPIC",
            "-O2",
            "-D_GNU_SOURCE",
            *includes,
            "-o",
            module,
            source,
        ]
        subprocess.run(command, check=True)
        own = f'LoadModule empty_module "{module}"\nAddHandler empty .c'
        with apache(root, setting, own, page=f"{page}.c", **how) as server:
            yield server


@contextmanager
def nginx(page: str, setting: Setting) -> Iterator[Server]:
    """A file that nginx sends."""
    text = """
daemon off;
pid {root}/nginx.pid;
error_log {root}/error.log;
worker_processes {setting.processes};
events {{ worker_connections 512; }}
http {{
    access_log off;
    default_type text/html;
    sendfile on;
    keepalive_requests 1000000000;
    open_file_cache max=100;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    server {{ listen 127.0.0.1:{port}; root {root}/site; }}
}}
"""
    with directory() as root:
        shutil.copytree(_SITES / "static", root / "site")

        def command(port: int) -> list[str | Path]:
            file = root / "nginx.conf"
            file.write_text(text.format(root=root, port=port, setting=setting))
            return ["nginx", "-e", root / "error.log", "-c", file]

        with started(command, root=root, page=f"{page}.html") as server:
            yield server


@contextmanager
def gunicorn(page: str, setting: Setting) -> Iterator[Server]:
    """Flask behind gunicorn."""
    with directory() as root:
        shutil.copytree(_SITES / "flask", root / "site")

        def command(port: int) -> list[str | Path]:
            workers = [f"--workers={setting.processes}", f"--threads={setting.threads}"]
            kind = [f"--worker-class={setting.kind}", "--worker-tmp-dir=/dev/shm"]
            place = [f"--chdir={root}/site", f"--bind=127.0.0.1:{port}"]
            return [_FRAMEWORKS / "gunicorn", *kind, *workers, *place, f"{page}:app"]

        with started(command, root=root, page=page) as server:
            yield server


@contextmanager
def uvicorn(page: str, setting: Setting) -> Iterator[Server]:
    """Starlette behind uvicorn with uvloop and httptools."""
    with directory() as root:
        shutil.copytree(_SITES / "starlette", root / "site")

        def command(port: int) -> list[str | Path]:
            quiet = ["--no-access-log", "--log-level=warning"]
            place = [f"--app-dir={root}/site", f"--port={port}"]
            workers = f"--workers={setting.processes}"
            return [_FRAMEWORKS / "uvicorn", *quiet, workers, *place, f"{page}:app"]

        with started(command, root=root, page=page) as server:
            yield server


@contextmanager
def httpdapy_serve(page: str, setting: Setting) -> Iterator[Server]:
    """Our pages as the command serves them."""
    with directory() as root:
        site = shutil.copytree(_SITES / "httpdapy", root / "site")

        def command(port: int) -> list[str | Path]:
            workers = [f"--processes={setting.processes}", f"--threads={setting.threads}"]
            return [_PROGRAMS / "httpdapy", "serve", site, f"--port={port}", *workers]

        with started(command, root=root, page=f"{page}.py") as server:
            yield server


@contextmanager
def mod_wsgi_express(page: str, setting: Setting) -> Iterator[Server]:
    """The smallest WSGI application as mod_wsgi's command serves it."""
    with directory() as root:
        site = shutil.copytree(_SITES / "mod_wsgi", root / "site")
        user, group = serving_user()

        def command(port: int) -> list[str | Path]:
            how = ["--callable-object=handle_request", "--embedded-mode", "--log-to-terminal"]
            how += [f"--processes={setting.processes}", f"--threads={setting.threads}"]
            how += [f"--server-root={root}/express", f"--port={port}"]
            how += [f"--user={user}", f"--group={group}"]
            return [_PROGRAMS / "mod_wsgi-express", "start-server", site / f"{page}.py", *how]

        with started(command, root=root, page="") as server:
            yield server


def _ours(site: Path) -> str:
    """What Httpdapy adds to Apache's configuration."""
    return "\n".join([_wsgi(), config.link(PARTS), config.directory(site, options={})])


def _wsgi() -> str:
    return f'LoadModule wsgi_module "{PARTS.wsgi}"\nWSGIPythonHome "{PARTS.home}"'


def _apxs(name: str) -> str:
    """One of the settings that Apache was built with."""
    query = subprocess.run(
        [_APXS or "apxs", "-q", name], capture_output=True, text=True, check=True
    )
    return query.stdout.strip()


def _php() -> Path | None:
    return next(PARTS.modules.glob("libphp*.so"), None)


def _lacking(there: object) -> str:
    return "" if there else f"not installed; {_INSTALL}"


OURS = Contender(
    "Httpdapy",
    (
        Setting("event", 2, 16, replicas=8),
        Setting("event", 1, 16, replicas=8),
        Setting("worker", 2, 8, replicas=8),
        PREFORK,
    ),
    httpdapy,
)
MOD_PYTHON = Contender(
    "mod_python",
    (EVENT, WORKER, PREFORK),
    mod_python,
    _lacking((PARTS.modules / "mod_python.so").exists()),
)
BARE = Contender("bare mod_wsgi", (EVENT, WORKER, PREFORK), mod_wsgi)
STATIC = Contender("static file", (EVENT, WORKER, PREFORK), static)

#: What no handler can be faster than.
EMPTY = Contender("an empty C handler", (EVENT, WORKER, PREFORK), empty)

MOD_PYTHON_HTACCESS = Contender(
    "mod_python with such an .htaccess",
    MOD_PYTHON.settings,
    partial(mod_python, htaccess=True),
    MOD_PYTHON.lacking,
)

MOD_CGID = Contender(
    "mod_cgid, Python script",
    (EVENT,),
    mod_cgid,
    _lacking((PARTS.modules / "mod_cgid.so").exists() and Path("/usr/bin/python3").exists()),
)
#: Ours, for such scripts.
CGI_RUNNER = Contender(OURS.name, (PREFORK,), cgi_runner)

UVICORN = "uvicorn + Starlette"

#: Those that hello world alone is compared with.
OTHERS = (
    MOD_PYTHON_HTACCESS,
    Contender(
        "mod_wsgi daemon mode",
        (Setting("daemon", 1, 5), Setting("daemon", 2, 4)),
        mod_wsgi,
    ),
    Contender("mod_php", (PREFORK,), mod_php, _lacking(_php())),
    MOD_CGID,
    Contender(
        "nginx, static file",
        (Setting("workers", 1), Setting("workers", 2)),
        nginx,
        _lacking(shutil.which("nginx", path=_PATH)),
    ),
    Contender(
        "gunicorn + Flask",
        (Setting("sync", 4), Setting("gthread", 2, 4)),
        gunicorn,
        _lacking((_FRAMEWORKS / "gunicorn").exists()),
    ),
    Contender(
        UVICORN,
        (Setting("workers", 1), Setting("workers", 2)),
        uvicorn,
        _lacking((_FRAMEWORKS / "uvicorn").exists()),
    ),
)
