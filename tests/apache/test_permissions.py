"""Who may read what."""

import os
import tempfile
from pathlib import Path

import pytest

from httpdapy.apache import installation, permissions
from httpdapy.apache.errors import ConfigError
from httpdapy.apache.permissions import (
    check_readable,
    first_unreadable,
    own_parts,
    remedy,
    serving_user,
)


@pytest.fixture
def tree():
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        root.chmod(0o755)
        (root / "a/b").mkdir(parents=True)
        (root / "a/b/file").write_text("")
        yield root
        (root / "a").chmod(0o755)


def test_everything_is_open(tree: Path):
    user, _ = serving_user()
    assert first_unreadable([tree / "a/b/file", tree / "a"], user) is None


@pytest.mark.parametrize("closed", ["a/b/file", "a/b", "a"])
def test_the_first_that_is_closed(tree: Path, closed: str):
    user, group = serving_user()
    path = tree / closed
    path.chmod(0)
    assert first_unreadable([tree / "a/b/file"], user) == path
    right = "o+r" if path.is_file() else "o+x"
    assert remedy(path, user, group).startswith(f"chmod {right} {path}")


def test_a_directory_needs_only_x_on_the_way(tree: Path):
    user, _ = serving_user()
    (tree / "a").chmod(0o711)
    assert first_unreadable([tree / "a/b/file"], user) is None


def test_root_serves_as_somebody_else():
    user, group = serving_user()
    assert user and group and (os.geteuid() != 0 or user != "root")


def test_an_interpreter_that_apache_cannot_read(tree: Path, monkeypatch):
    """The sentence that `httpdapy serve` ends with."""
    python = tree / "a/b/file"
    (tree / "a").chmod(0)
    monkeypatch.setattr(permissions.sys, "executable", str(python))
    user, group = serving_user()
    with pytest.raises(
        ConfigError, match=f"the Python interpreter, {python}, cannot be read"
    ) as it:
        check_readable(own_parts(installation.find()), user, group)
    assert f"{tree}/a is closed to it; chmod o+x {tree}/a" in str(it.value)
