"""Settings of a port, and files of them, without a server."""

import json
from pathlib import Path

import pytest

from httpdapy.hwebserver import settings
from httpdapy.hwebserver.enums import webServerSeverity
from httpdapy.hwebserver.errors import OperationFailed


def test_what_is_given_becomes_plain(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = {
        "PORT": 8008,
        "ALLOWED_HOSTS": ("a", "b"),
        "LOG_FILE": Path("log"),
        "MIN_LOG_SEVERITY": webServerSeverity.AbortSeverity,
        "IPV6": None,
    }
    plain = settings.checked(given)
    assert plain == {
        "PORT": 8008,
        "ALLOWED_HOSTS": ["a", "b"],
        "LOG_FILE": str(tmp_path / "log"),
        "MIN_LOG_SEVERITY": "error",
    }
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"PORTS": 1}, "there is no setting 'PORTS'; there are PORT, "),
        ({"port": 8008}, "there is no setting 'port'"),
        ({"PORT": "8008"}, "the setting PORT takes a number from 0 to 65535, not '8008'"),
        ({"PORT": True}, "the setting PORT takes a number"),
        ({"MAX_PORT": 65536}, "the setting MAX_PORT takes a number"),
        ({"IPV6": 1}, "the setting IPV6 takes True or False, not 1"),
        ({"ADDRESS": "a\nb"}, "the setting ADDRESS takes a line of text"),
        ({"ADDRESS": ""}, "the setting ADDRESS takes a line of text"),
        ({"ALLOWED_HOSTS": "a"}, "the setting ALLOWED_HOSTS takes a list of texts, not 'a'"),
        ({"ALLOWED_HOSTS": ['"']}, "the setting ALLOWED_HOSTS takes a line of text"),
        ({"SECURE_HSTS_SECONDS": -1}, "the setting SECURE_HSTS_SECONDS takes a number of seconds"),
        ({"SSL_CERTIFICATE": ""}, "the setting SSL_CERTIFICATE takes the path of a file"),
        ({"SSL_CERTIFICATE": 5}, "the setting SSL_CERTIFICATE takes the path of a file"),
        ({"MIN_LOG_SEVERITY": "warn"}, "takes one of MessageSeverity, PromptSeverity, Warning"),
        ({"MIN_LOG_SEVERITY": []}, "takes one of MessageSeverity"),
        ("main", "the settings of a port are a dict"),
    ],
)
def test_what_is_wrong_is_named(given, said):
    with pytest.raises(OperationFailed, match=said):
        settings.checked(given)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.py", "COLOR = 1", "s.py: there is no setting 'COLOR'"),
        ("s.py", "1 / 0", "s.py: ZeroDivisionError: division by zero"),
        ("s.py", "PORTS = 5", "PORTS in .*s.py is a dict of settings by port names, not 5"),
        ("s.py", "PORTS = {'admin': {'X': 1}}", "s.py: there is no setting 'X'"),
        ("s.json", "[]", "s.json holds no JSON object"),
        ("s.json", "{", "s.json: JSONDecodeError"),
        ("s.json", '{"PORT": "x"}', "s.json: the setting PORT takes"),
        ("s.toml", "PORT = ", "s.toml: TOMLDecodeError"),
        ("s.toml", 'x = "y"', "s.toml: there is no setting 'x'"),
    ],
)
def test_files_with_mistakes(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(OperationFailed, match=said):
        settings.load(tmp_path / name)


def test_a_missing_file(tmp_path):
    with pytest.raises(OperationFailed, match=r"none.py: FileNotFoundError"):
        settings.load(tmp_path / "none.py")


def test_paths_in_a_file_count_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text('LOG_FILE = "log"\nMIN_LOG_SEVERITY = "FatalSeverity"')
    expected = {"LOG_FILE": str(tmp_path / "log"), "MIN_LOG_SEVERITY": "crit"}
    assert settings.load("s.toml") == {"": expected}
