"""interpreters/link.py and apache/link.h say the same."""

import re
from pathlib import Path

from httpdapy.interpreters import link

HEADER = Path(__file__).parents[2] / "apache/link.h"


def test_names_are_the_same():
    in_c = dict(re.findall(r'^#define HDPY_(\w+) "([^"]+)"', HEADER.read_text(), re.MULTILINE))
    in_python = {name: value for name, value in vars(link).items() if name.isupper()}
    assert in_c == in_python and len(in_c) >= 9


def test_environment_names_cannot_be_forged_by_headers():
    """A header reaches the environment as HTTP_ and its name with underscores."""
    for name, value in vars(link).items():
        if name.startswith("ENV_"):
            assert "." in value and not value.startswith("HTTP_")
