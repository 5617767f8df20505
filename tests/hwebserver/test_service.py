"""What a server of run() is made of."""

from pathlib import Path

import pytest

from httpdapy.hwebserver.errors import OperationFailed
from httpdapy.hwebserver.service import listening_socket


def test_a_path_that_is_too_long_for_a_socket(tmp_path: Path):
    directory = tmp_path / ("x" * 100)
    with pytest.raises(OperationFailed, match=f"{directory}/s .*set TMPDIR"):
        listening_socket(directory / "s", "")
