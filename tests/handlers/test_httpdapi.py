"""httpdapi under its two names."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "statement",
    [
        "import httpdapi; import httpdapy.httpdapi",
        "import httpdapy.httpdapi; import httpdapi",
    ],
)
def test_one_module(statement: str):
    check = (
        f"{statement}; assert httpdapi is httpdapy.httpdapi; from httpdapi import RequestHandler; "
        "assert httpdapi.PROTOCOL_NOT_FOUND == 404; assert 'REQ_PROCEED' in httpdapi.__all__"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
