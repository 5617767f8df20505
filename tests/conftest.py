"""Fixtures for all tests: a server per session, a directory and a clean error log per test."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support.site import Site, TestServer, running_server


@pytest.fixture(scope="session")
def server():
    """One process with 16 threads over an empty site."""
    with running_server() as test_server:
        yield test_server


@pytest.fixture
def tmp_site():
    """An empty directory that Apache's user can read, for a server of the test's own."""
    root = Path(tempfile.mkdtemp(prefix="httpdapy-test-")).resolve()
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture
def site(server: TestServer):
    """A directory of the test's own, whose error log is watched."""
    yield Site(server)
    server.settle()
    server.log.check()
