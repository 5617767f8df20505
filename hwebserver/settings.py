"""Settings of a port: what setSettingsForPort() takes, and settings files."""

from __future__ import annotations

import json
import os
import runpy
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .enums import webServerSeverity
from .errors import OperationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _port(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 65535:
        raise ValueError("a number from 0 to 65535")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def _seconds(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a number of seconds, 0 or more")
    return value


def _timeout(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("a number of seconds, 1 or more")
    return value


def _line(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable() or '"' in value:
        raise ValueError("a line of text")
    return value


def _lines(value: Any) -> list[str]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise ValueError("a list of texts")
    return [_line(each) for each in value]


def _path(value: Any) -> str:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError("the path of a file")
    return str(Path(os.fsdecode(value)).absolute())


def _severity(value: Any) -> str:
    if isinstance(value, webServerSeverity):
        return value.value
    # in a file of JSON or TOML it is the name
    if isinstance(value, str) and value in webServerSeverity.__members__:
        return webServerSeverity[value].value
    raise ValueError(f"one of {', '.join(webServerSeverity.__members__)}")


#: The keys, and what makes a plain value of what they are given; ValueError says what is wanted.
KEYS: dict[str, Callable[[Any], Any]] = {
    "PORT": _port,
    "MAX_PORT": _port,
    "ALLOW_SYSTEM_PORT": _flag,
    "ADDRESS": _line,
    "IPV6": _flag,
    "ALLOWED_HOSTS": _lines,
    "USE_X_FORWARDED_HOST": _flag,
    "LOG_FILE": _path,
    "MIN_LOG_SEVERITY": _severity,
    "SSL_CERTIFICATE": _path,
    "SSL_CERTIFICATE_KEY": _path,
    "SSL_DH_PARAMS": _path,
    "SSL_VERIFY_PEER": _flag,
    "SSL_REDIRECT": _flag,
    "SSL_REDIRECT_HOST": _line,
    "SSL_REDIRECT_EXEMPT": _lines,
    "SECURE_HSTS_SECONDS": _seconds,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": _flag,
    "SECURE_HSTS_PRELOAD": _flag,
    "CORS_ORIGIN_WHITELIST": _lines,
    "TIMEOUT": _timeout,
}


def checked(settings: Any) -> dict[str, Any]:
    """The *settings* of a port as plain values; what is None is left out.

    Raises OperationFailed, which names the key, for an unknown one and for a value that it cannot
    have.
    """
    if not isinstance(settings, dict):
        raise OperationFailed(
            f'the settings of a port are a dict, as in {{"ADDRESS": "127.0.0.1"}}, not {settings!r}'
        )
    plain = {}
    for key, value in settings.items():
        if key not in KEYS:
            raise OperationFailed(f"there is no setting {key!r}; there are {', '.join(KEYS)}")
        if value is None:
            continue
        try:
            plain[key] = KEYS[key](value)
        except ValueError as error:
            raise OperationFailed(f"the setting {key} takes {error}, not {value!r}") from None
    return plain


def load(file: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """The settings in a file, by the port's name, "" being the main one.

    file: a Python file, whose names in capitals are the keys, or JSON or TOML with the keys (.json,
    .toml).  PORTS in it has those of other ports, by name.

    Raises OperationFailed for a file that cannot be read, and as checked().
    """
    path = Path(file)
    try:
        found = dict(_read(path))
    except OperationFailed:
        raise
    except Exception as error:  # whatever the file raises
        raise OperationFailed(
            f"the settings file {path}: {type(error).__name__}: {error}"
        ) from error
    others = found.pop("PORTS", {})
    if not isinstance(others, dict):
        raise OperationFailed(
            f"PORTS in {path} is a dict of settings by port names, not {others!r}"
        )
    try:
        return {name: checked(each) for name, each in {"": found, **others}.items()}
    except OperationFailed as error:
        raise OperationFailed(f"the settings file {path}: {error}") from None


def _read(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".json":
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise OperationFailed(f"the settings file {path} holds no JSON object")
        return found
    if path.suffix == ".toml":
        return tomllib.loads(path.read_text())
    return {name: value for name, value in runpy.run_path(str(path)).items() if name.isupper()}
