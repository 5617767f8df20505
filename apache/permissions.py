"""Who serves, and what that user may read."""

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from .errors import ConfigError
from .installation import Installation

#: Users under which distributions run Apache.
_USUAL_USERS = ("www-data", "apache", "httpd", "nobody")

# Directories need x on the way; what is to be read needs r.
_TEST = """
for path do
    if test -d "$path"; then test -x "$path"; else test -r "$path"; fi ||
        { printf %s "$path"; exit 0; }
done
"""


def serving_user() -> tuple[str, str]:
    """User and group that Apache's children run as: this user, or for root the usual one.

    Raises ConfigError when root has nobody to serve as.
    """
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    for name in _USUAL_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return name, grp.getgrgid(entry.pw_gid).gr_name
    raise ConfigError(
        "Apache does not serve as root, and there is none of the users "
        f"{', '.join(_USUAL_USERS)}; name one with '-- --user NAME --group NAME'"
    )


def first_unreadable(paths: Iterable[Path], user: str) -> Path | None:
    """The first directory or file on the way to *paths* that *user* may not enter or read."""
    steps: dict[str, None] = {}
    for path in paths:
        whole = path.absolute()
        steps.update(dict.fromkeys(map(str, [*reversed(whole.parents), whole])))
    if os.geteuid() != 0:
        return next((Path(s) for s in steps if not os.access(s, _needed(s))), None)
    group = pwd.getpwnam(user).pw_gid
    found = subprocess.run(
        ["/bin/sh", "-c", _TEST, "sh", *steps],
        user=user,
        group=group,
        extra_groups=os.getgrouplist(user, group),
        cwd="/",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return Path(found) if found else None


def check_readable(parts: Sequence[tuple[str, Path]], user: str, group: str) -> None:
    """Raise ConfigError for the first of *parts*, each with what it is, that *user* cannot read."""
    if first_unreadable((path for _, path in parts), user) is None:  # one look, as a rule
        return
    for what, path in parts:
        blocked = first_unreadable([path], user)
        if blocked is not None:
            raise ConfigError(
                f"{what}, {path}, cannot be read by Apache's user {user}: {blocked} is closed to "
                f"it; {remedy(blocked, user, group)}"
            )


def own_parts(parts: Installation) -> list[tuple[str, Path]]:
    """What every server reads, for check_readable()."""
    return [
        ("the Python interpreter", Path(os.path.realpath(sys.executable))),
        ("Python's library", Path(os.__file__)),
        ("the virtual environment", parts.wsgi),
        ("Httpdapy", parts.entry),
    ]


def _needed(path: str) -> int:
    return os.X_OK if Path(path).is_dir() else os.R_OK


def remedy(path: Path, user: str, group: str) -> str:
    """How to let *user* in."""
    if path.is_dir():
        return f"chmod o+x {path}, or chgrp {group} {path} and chmod g+x {path}"
    return f"chmod o+r {path}, or chgrp {group} {path} and chmod g+r {path}"
