"""apache/naming.c: which interpreter a request belongs to."""

import ctypes
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "apache/naming.c"


@pytest.fixture(scope="module")
def naming(tmp_path_factory):
    library = tmp_path_factory.mktemp("naming") / "naming.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.hdpy_interpreter_name.restype = ctypes.c_char_p
    loaded.hdpy_interpreter_name.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_uint,
    ]
    loaded.hdpy_name_error.restype = ctypes.c_char_p
    return loaded


def name(naming, directory, forced, replicas, thread, size=4112):
    return naming.hdpy_interpreter_name(
        ctypes.create_string_buffer(size), size, directory, forced, replicas, thread
    )


@pytest.mark.parametrize(
    ("directory", "forced", "replicas", "thread", "expected"),
    [
        (b"/srv/a", None, 1, 0, b"/srv/a"),
        (b"/srv/a", None, 1, 7, b"/srv/a"),
        (b"/", None, 1, 0, b"/"),
        (b"/srv/a", None, 4, 0, b"/srv/a"),
        (b"/srv/a", None, 4, 4, b"/srv/a"),
        (b"/srv/a", None, 4, 5, b"/srv/a//1"),
        (b"/srv/a", None, 4, 7, b"/srv/a//3"),
        (b"/srv/a", b"shared", 1, 3, b"shared"),
        (b"/srv/a", b"shared", 2, 3, b"shared//1"),
        (b"/srv/a", b"main_interpreter", 4, 3, b""),
        (b"/srv/a", b"global_interpreter", 1, 0, b""),
        (b"/srv/a", b"Main_Interpreter", 1, 0, b"Main_Interpreter"),
        (b"/srv/a#1", None, 4, 1, b"/srv/a#1//1"),
    ],
)
def test_name(naming, directory, forced, replicas, thread, expected):
    assert name(naming, directory, forced, replicas, thread) == expected


def test_name_that_does_not_fit(naming):
    assert name(naming, b"/srv/abc", None, 1, 0, size=9) == b"/srv/abc"
    assert name(naming, b"/srv/abc", None, 1, 0, size=8) is None
    assert name(naming, b"/srv/abc", None, 2, 1, size=11) is None


@pytest.mark.parametrize(
    ("configured", "cores", "threads", "own_gil", "expected"),
    [
        (0, 8, 16, 1, 8),
        (0, 8, 4, 1, 4),
        (0, 8, 16, 0, 1),
        (0, 1, 16, 1, 1),
        (4, 2, 16, 1, 4),
        (4, 2, 16, 0, 4),
        (32, 2, 16, 1, 16),
        (1, 8, 16, 1, 1),
        (4, 8, 1, 1, 1),
        (0, 8, 0, 1, 1),
    ],
)
def test_replica_count(naming, configured, cores, threads, own_gil, expected):
    assert naming.hdpy_replica_count(configured, cores, threads, own_gil) == expected


@pytest.mark.parametrize("good", [b"a", b"main_interpreter", b"/srv/a", b"with space", b"x" * 255])
def test_good_names(naming, good):
    assert naming.hdpy_name_error(good) is None


@pytest.mark.parametrize(
    "bad", [b"", b"%{HOST}", b"%{GLOBAL}", b"a//1", b"a\nb", b"\x7f", b"x" * 256]
)
def test_bad_names(naming, bad):
    assert naming.hdpy_name_error(bad)
