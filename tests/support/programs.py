"""Programs that the tests use and that may be missing: setup/packages.sh test installs them."""

import os
import shutil

import pytest

#: What they are started with: what is preloaded is for servers (setup/asan.sh).
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def program(name: str) -> str:
    """Its path.  The test is left out where it is missing, but not in CI: there it fails."""
    path = shutil.which(name)
    if path is None:
        assert "CI" not in os.environ, f"{name} is missing; setup/packages.sh test installs it"
        pytest.skip(f"{name} is missing")
    return path
