"""Fixtures for live tests: a server per session, a directory and a clean error log per test.

Every test runs on both ways into Python; those of modules with LIVE, which are about scripts that
call run(), in the background of a script as well.
"""

import secrets
import shutil
import tempfile
from pathlib import Path

import pytest
from support import script
from support.site import OPTIONS, Site, TestServer, running_server


@pytest.fixture(scope="session", params=["direct", "wsgi", "live"], autouse=True)
def way(request: pytest.FixtureRequest):
    """The way into Python of all servers that tests start."""
    OPTIONS.clear()
    if request.param == "wsgi":
        OPTIONS["direct"] = "0"
    script.in_background = request.param == "live"
    return request.param


def pytest_configure(config: pytest.Config) -> None:
    line = "foreground(why): it is otherwise in the background, as docs/hwebserver/live.md says"
    config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests of modules with ONE_WAY once: they are about something else."""

    def is_wanted(item: pytest.Item) -> bool:
        module = getattr(item, "module", None)
        way = item.callspec.params.get("way") if hasattr(item, "callspec") else None
        if way == "live":
            alone = item.get_closest_marker("foreground")  # with the reason
            return getattr(module, "LIVE", False) and alone is None
        return way != "wsgi" or not getattr(module, "ONE_WAY", False)

    items[:] = [item for item in items if is_wanted(item)]


@pytest.fixture(scope="session")
def server(way: str):
    """One process with 16 threads over an empty site."""
    with running_server() as test_server:
        yield test_server


def _directory():
    root = Path(tempfile.mkdtemp(prefix="httpdapy-test-")).resolve()
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture
def tmp_site():
    """An empty directory that Apache's user can read, for a server of the test's own."""
    yield from _directory()


@pytest.fixture(scope="module")
def module_site(way: str):
    """Such a directory for the tests of a module, once for each way."""
    yield from _directory()


@pytest.fixture
def site(server: TestServer, request: pytest.FixtureRequest):
    """A directory of the test's own, whose error log is watched.

    For modules with ONE_INTERPRETER those of all tests have one interpreter together: a new one
    takes longer than most tests.
    """
    name = request.module.__name__.rpartition(".")[2]
    if getattr(request.module, "ONE_INTERPRETER", False):
        if not (server.root / name).exists():
            Site(server, name).htaccess(f"PythonInterpreter {name}")
        yield Site(server, f"{name}/{secrets.token_hex(4)}")
    else:
        yield Site(server)
    server.settle()
    server.log.check()
