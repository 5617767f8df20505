"""Fixtures for live tests: a server per session, a directory and a clean error log per test.

Every test runs on both ways into Python.
"""

import shutil
import tempfile
from pathlib import Path

import pytest
from support.site import OPTIONS, Site, TestServer, running_server


@pytest.fixture(scope="session", params=["direct", "wsgi"], autouse=True)
def way(request: pytest.FixtureRequest):
    """The way into Python of all servers that tests start."""
    OPTIONS.clear()
    if request.param == "wsgi":
        OPTIONS["direct"] = "0"
    return request.param


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests of modules with ONE_WAY once: they are about something else."""
    items[:] = [
        item
        for item in items
        if not getattr(getattr(item, "module", None), "ONE_WAY", False)
        or item.callspec.params["way"] == "direct"
    ]


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
def site(server: TestServer):
    """A directory of the test's own, whose error log is watched."""
    yield Site(server)
    server.settle()
    server.log.check()
