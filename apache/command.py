"""The command ``httpdapy``."""

import argparse
import os
import signal
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from .. import __version__
from . import config, installation
from .errors import ConfigError, ServerError
from .server import Server, ServerConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status: 0, or 2 for what has to be put right first."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"] and given[1:2] not in ([], ["-h"], ["--help"]):
        return run(given[1:])  # all of them are the script's
    own, express = _split(given)
    parsed = _parser().parse_args(own)
    if express and parsed.run is not serve:
        return _fail(f"'--' and options for mod_wsgi-express go with serve, not {parsed.command}")
    parsed.express = tuple(express)
    try:
        status = int(parsed.run(parsed))
        sys.stdout.flush()
        return status
    except ConfigError as error:
        return _fail(str(error))
    except ServerError as error:
        return _fail(error.explanation())
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `httpdapy check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def serve(arguments: argparse.Namespace) -> int:
    """Serve a directory until Ctrl-C or SIGTERM."""
    settings = ServerConfig(
        directory=_site(arguments.directory),
        host=arguments.host,
        port=arguments.port,
        processes=arguments.processes,
        threads=arguments.threads,
        options={"debug": "1"} if arguments.debug else {},
        express=arguments.express,
    )
    server = Server(installation.find(), settings, _error_line, _access_log)
    return _serve(server, f"Serving {settings.directory} at")


def _serve(server: Server, what: str) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with server:
            for file, reason in server.broken_htaccess():
                raise ConfigError(f"{file}: {reason or 'Apache does not accept it'}; correct it")
            print(f"{what} {server.url}", flush=True)
            status = server.wait()
            raise ServerError(f"Apache ended by itself, with status {status}", list(server.log))
    except _Interrupted:
        return 0


def archive(arguments: argparse.Namespace) -> int:
    """Serve an archive until Ctrl-C or SIGTERM."""
    from .archive_server import ArchiveServer, ArchiveServerConfig

    parts = installation.find()
    config.check_archives(parts)
    file = _archive(arguments.archive)
    if not arguments.prefix.startswith("/"):
        raise ConfigError(f"the prefix begins with a slash: --prefix /{arguments.prefix}")
    settings = ArchiveServerConfig(
        directory=file.parent,
        archive=file,
        prefix=arguments.prefix,
        host=arguments.host,
        port=arguments.port,
        processes=arguments.processes,
        threads=arguments.threads,
    )
    server = ArchiveServer(parts, settings, _error_line, _access_log)
    return _serve(server, f"Serving {file} at")


def pack(arguments: argparse.Namespace) -> int:
    """Make an archive of a directory."""
    from .pack import pack as packed

    target = Path(arguments.archive)
    if target.is_dir():
        raise ConfigError(f"{target} is a directory; name the archive to write")
    done = packed(_site(arguments.directory), target)
    print(
        f"{target}: {done.deflated} files deflated, {done.stored} stored; "
        f"{done.size:,} bytes in {done.packed_size:,}"
    )
    if done.left_out:
        print(f"left out: {', '.join(done.left_out)}")
    return 0


def run(arguments: list[str]) -> int:
    """Run a script that calls hwebserver.run(), as ``python`` does; after --hou, with a hou."""
    has_hou = arguments[0] == "--hou"
    arguments = arguments[has_hou:]
    if not arguments:
        return _fail("--hou is followed by the script to run")
    script = arguments[0]
    if not script.startswith("-") and not Path(script).exists():
        return _fail(f"there is no {script}; name the script to run, or -m and a module")
    if has_hou:
        arguments = ["-m", f"{__package__}.with_hou", *arguments]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])


def check(arguments: argparse.Namespace) -> int:
    """Say what a server for a directory would find."""
    from .check import report

    return report(Path(arguments.directory), sys.stdout)


def print_config(arguments: argparse.Namespace) -> int:
    """Print the configuration for a system's Apache."""
    print(config.system(installation.find(), _site(arguments.directory)), end="")
    return 0


def _error_line(line: str) -> None:
    with suppress(OSError):  # a terminal that went away
        print(line, file=sys.stderr, flush=True)


def _access_log(data: bytes) -> None:
    with suppress(OSError):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


class _Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP."""


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # stopping takes its time, but happens once
    raise _Interrupted


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _site(directory: str) -> Path:
    path = Path(directory)
    if not path.exists():
        raise ConfigError(f"the directory {path} does not exist; create it, or name another")
    if not path.is_dir():
        raise ConfigError(f"{path} is not a directory; name the directory to serve")
    return Path(os.path.realpath(path))


def _archive(name: str) -> Path:
    path = Path(name)
    if not path.exists():
        raise ConfigError(
            f"the archive {path} does not exist; 'httpdapy pack DIR {path}' makes one"
        )
    if not zipfile.is_zipfile(path):
        raise ConfigError(f"{path} is no zip archive")
    return Path(os.path.realpath(path))


def _fail(message: str) -> int:
    print(f"httpdapy: {message}", file=sys.stderr)
    return 2


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError
    return port


_port.__name__ = "port (0 to 65535)"


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


_count.__name__ = "number (1 or more)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="httpdapy", description="Python files in a directory, served by Apache."
    )
    parser.add_argument("--version", action="version", version=f"httpdapy {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "serve",
        help="serve a directory",
        description="Serve a directory; its .py files run. After --: mod_wsgi-express's options.",
    )
    _add_directory(command)
    _add_server(command)
    command.add_argument(
        "--debug", action="store_true", help="show errors in the browser (PythonOption debug 1)"
    )
    command.set_defaults(run=serve)

    command = commands.add_parser(
        "run",
        help="run a script that calls hwebserver.run()",
        description="Run a script that calls hwebserver.run(), as python SCRIPT ... does.",
    )
    command.add_argument("--hou", action="store_true", help="let it import hou.webServer")
    command.add_argument("script", metavar="SCRIPT", help="its file, or -m and a module's name")
    command.add_argument("arguments", nargs="*", metavar="...", help="the script's own")

    command = commands.add_parser(
        "archive",
        help="serve a zip archive",
        description="Serve the members of a zip archive, as if they were files.",
    )
    command.add_argument("archive", metavar="FILE.zip")
    command.add_argument("--prefix", default="/", help="path of their URLs (/)")
    _add_server(command)
    command.set_defaults(run=archive)

    command = commands.add_parser(
        "pack",
        help="make a zip archive to be served",
        description="Make a zip archive of a directory; what gets smaller is deflated.",
    )
    command.add_argument("directory", metavar="DIR")
    command.add_argument("archive", metavar="FILE.zip")
    command.set_defaults(run=pack)

    command = commands.add_parser("check", help="say what a server would find here")
    _add_directory(command)
    command.set_defaults(run=check)

    command = commands.add_parser("config", help="print the lines for a system's Apache")
    _add_directory(command)
    command.set_defaults(run=print_config)
    return parser


def _add_server(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", type=_port, default=8008, help="8008; 0 takes a free one")
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    command.add_argument("--processes", type=_count, default=1, metavar="N", help="1")
    command.add_argument("--threads", type=_count, default=16, metavar="N", help="per process (16)")


def _add_directory(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "directory", nargs="?", default=".", metavar="DIR", help="the current directory"
    )
