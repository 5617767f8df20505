"""What all tests may import: the support package."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# They hide what users see: output that is lost at the end, files that are compiled.
for name in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(name, None)

# A shell that starts this in the background has interrupts ignored; servers under test are not to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say once, and not in each test, what Apache's user cannot read."""
    from httpdapy.apache import installation
    from httpdapy.apache.errors import ConfigError
    from httpdapy.apache.permissions import check_readable, own_parts, serving_user

    if hasattr(session.config, "workerinput"):
        return  # one of several processes, which the first one starts
    try:
        check_readable(own_parts(installation.find()), *serving_user())
    except ConfigError as error:
        pytest.exit(f"httpdapy: {error}", returncode=2)
