"""Apache configuration from the templates in conf/."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from .. import __version__
from .errors import ConfigError
from .installation import Installation
from .templates import quotable as _path
from .templates import render as _render

#: Default of DirectoryIndex.
INDEX = "index.py index.html"
#: Default of AllowOverride: what .htaccess files may set.  Options that run programs are left out.
OVERRIDE = (
    "FileInfo AuthConfig Limit "
    "Indexes Options=Indexes,MultiViews,FollowSymLinks,SymLinksIfOwnerMatch"
)

#: What .htaccess files of the wild rely on; loaded where Apache has it.
_USUAL_MODULES = (
    "auth_basic",
    "authn_file",
    "authz_groupfile",
    "authz_user",
    "autoindex",
    "deflate",
    "expires",
    "log_config",
    "negotiation",
    "setenvif",
)


def link(parts: Installation) -> str:
    """The lines that load the link and give mod_wsgi our entry script."""
    return _render(
        "link",
        link=_path(parts.link),
        archive=archive_module(parts),
        entry=_path(parts.entry),
        own_gil="" if sys.version_info >= (3, 12) else "# ",
    )


def archive_module(parts: Installation) -> str:
    """The line that loads what ArchiveAlias needs, if it is there."""
    path = parts.archive
    return f'LoadModule httpdapy_archive_module "{_path(path)}"' if path is not None else ""


def check_archives(parts: Installation) -> None:
    """Raises ConfigError where there is no ArchiveAlias."""
    if parts.archive is None:
        raise ConfigError(
            "archives need mod_httpdapy_archive, which was not made for want of zlib's headers; "
            "install zlib1g-dev, then run 'make build' in Httpdapy's checkout"
        )


def directory(
    path: Path, *, options: dict[str, str], index: str = INDEX, override: str = OVERRIDE
) -> str:
    """The block for a directory of handlers, with PythonOption lines for *options*.

    index, override: values of DirectoryIndex and AllowOverride.
    """
    lines = "".join(f"    PythonOption {name} {value}\n" for name, value in options.items())
    return _render(
        "directory",
        directory=_path(path),
        pattern=re.escape(_path(path)).rstrip("/"),
        options=lines,
        index=index,
        override=override,
    )


def local(parts: Installation, site: str, *, token: str, logs: bool) -> str:
    """What a local server needs beside what mod_wsgi-express writes.

    site: the block that directory() gives for it.
    token: secret with which the server's owner asks what is in force.
    logs: write the access log to stdout and the error log to stderr.
    """
    blocks = [
        link(parts),
        _render(
            "local",
            modules=load_modules(parts, _USUAL_MODULES),
            token=token,
        ),
        site,
    ]
    if logs:
        blocks.append(_render("logs", token=token))
    return "\n".join(blocks)


def system(parts: Installation, path: Path) -> str:
    """All that a system's Apache needs to serve *path*."""
    return _render(
        "system",
        version=__version__,
        directory=_path(path),
        wsgi=_path(parts.wsgi),
        home=_path(parts.home),
        code=_path(parts.entry.parent),
        link=link(parts),
        site=directory(path, options={}),
    )


def user_lines(user: str, group: str) -> str:
    """The lines that say who serves, where root starts Apache."""
    return f"User {user}\nGroup {group}" if os.geteuid() == 0 else ""


def load_modules(parts: Installation, names: Iterable[str]) -> str:
    """Lines that load those of Apache's modules *names* that are neither built in nor missing."""
    files = ((name, parts.modules / f"mod_{name}.so") for name in names)
    return "".join(
        f'<IfModule !{name}_module>\n    LoadModule {name}_module "{_path(file)}"\n</IfModule>\n'
        for name, file in files
        if file.exists()
    )
