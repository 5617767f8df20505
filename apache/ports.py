"""Apache configuration for the ports of a script's server, by their settings."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cors import cors
from .errors import ConfigError
from .templates import quotable, render
from .tls import tls

#: Default of the setting TIMEOUT: how long Apache waits for an answer from another process, or from
#: the event loop.
TIMEOUT_S = 300

_ANY = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port to listen on.

    address: of this machine; 0.0.0.0 or :: for all of them.
    settings: those of setSettingsForPort(), checked.
    mounts: what mounts.mounts() gives for it.
    """

    name: str
    address: str
    number: int
    settings: Mapping[str, Any]
    mounts: str = ""

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS."""
        return "SSL_CERTIFICATE" in self.settings


def virtual_host(port: Port, ports: Iterable[Port], *, directory: Path) -> str:
    """The lines for *port* of all *ports*.

    directory: the script's, whose ".hwebserver" stands for what Python answers.
    """
    address = f"[{port.address}]" if ":" in port.address else port.address
    lines = [*_log(port), *_hosts(port), *_redirect(port, ports), *tls(port.settings), *_hsts(port)]
    lines += cors(port.settings.get("CORS_ORIGIN_WHITELIST", ())).splitlines()
    return render(
        "port",
        address=address,
        host="*" if port.address in _ANY else address,
        number=str(port.number),
        protocol="https" if port.is_secure else "http",
        port=quotable(port.name, "the port's name"),
        timeout=str(port.settings.get("TIMEOUT", TIMEOUT_S)),
        lines="".join(f"    {line}\n" for line in lines),
        mounts=port.mounts,
        directory=quotable(directory),
    )


def _log(port: Port) -> list[str]:
    settings = port.settings
    lines = []
    if "LOG_FILE" in settings:
        log = Path(settings["LOG_FILE"])
        if not os.access(log if log.exists() else log.parent, os.W_OK) or log.is_dir():
            raise ConfigError(f"the setting LOG_FILE: {log} cannot be written; make its directory")
        file = quotable(log)
        lines.append(f'ErrorLog "{file}"')
        if settings.get("MIN_LOG_SEVERITY") == "info":
            lines.append(f'CustomLog "{file}" httpdapy')
    if "MIN_LOG_SEVERITY" in settings:
        lines.append(f"LogLevel {settings['MIN_LOG_SEVERITY']}")
    return lines


def _hosts(port: Port) -> list[str]:
    """What takes the Host of a request, and refuses those that are not allowed."""
    settings = port.settings
    allowed = settings.get("ALLOWED_HOSTS", ())
    forwarded = settings.get("USE_X_FORWARDED_HOST", False)
    lines = ["RewriteEngine On", "RewriteRule ^ - [E=httpdapy.host:%{HTTP_HOST}]"]
    if forwarded:
        lines += [
            "RewriteCond %{HTTP:X-Forwarded-Host} .",
            "RewriteRule ^ - [E=httpdapy.host:%{HTTP:X-Forwarded-Host}]",
            'RequestHeader set Host "expr=%{HTTP:X-Forwarded-Host}" '
            '"expr=-n %{HTTP:X-Forwarded-Host}"',
        ]
    if allowed and "*" not in allowed:
        lines += [
            f'RewriteCond %{{ENV:httpdapy.host}} "!{_host_pattern(allowed)}" [NC]',
            "RewriteRule ^ - [R=400,L]",
        ]
    return lines if forwarded or len(lines) > 2 or settings.get("SSL_REDIRECT") else []


def _host_pattern(names: Sequence[str]) -> str:
    """A pattern for the Host values that *names* list; ".name" is name and all below it."""
    each = (
        rf"(.+[.])?{re.escape(name[1:])}" if name.startswith(".") else re.escape(name)
        for name in names
    )
    return rf"^({'|'.join(each)})[.]?(:[0-9]+)?$"


def _redirect(port: Port, ports: Iterable[Port]) -> list[str]:
    """What sends requests without TLS elsewhere (W3C Upgrade Insecure Requests, section 3)."""
    settings = port.settings
    if not settings.get("SSL_REDIRECT"):
        return []
    unless = 'RewriteCond %{HTTPS} "!=on"'
    exempt = settings.get("SSL_REDIRECT_EXEMPT", ())
    if exempt:
        unless += f'\n    RewriteCond %{{ENV:httpdapy.host}} "!{_host_pattern(exempt)}" [NC]'
    lines = ["TLSOrPlain On"] if port.is_secure else []
    host = settings.get("SSL_REDIRECT_HOST") or f"%1{_secure_number(port, ports)}"
    return [
        *lines,
        unless,
        'RewriteCond %{HTTP:Upgrade-Insecure-Requests} "=1"',
        'RewriteCond "%{ENV:httpdapy.host} %{THE_REQUEST}" '
        r'"^(\[[0-9a-fA-F:.]+\]|[^:\s]+)\S* \S+ (?:https?://[^/\s]*)?(/\S*)"',
        f'RewriteRule ^ "https://{host}%2" [R=307,NE,L,UnsafeAllow3F]',
        unless,
        "RewriteRule ^ - [F]",
        "Header always merge Vary Upgrade-Insecure-Requests \"expr=%{HTTPS} != 'on'\"",
    ]


def _secure_number(port: Port, ports: Iterable[Port]) -> str:
    secure = port if port.is_secure else next((each for each in ports if each.is_secure), None)
    if secure is None:
        raise ConfigError(
            f"SSL_REDIRECT of the port {port.name} has nowhere to send requests to: give "
            "SSL_REDIRECT_HOST, or a port an SSL_CERTIFICATE"
        )
    return "" if secure.number == 443 else f":{secure.number}"


def _hsts(port: Port) -> list[str]:
    settings = port.settings
    seconds = settings.get("SECURE_HSTS_SECONDS", 0)
    if not seconds:
        return []
    policy = [f"max-age={seconds}"]
    policy += ["includeSubDomains"] if settings.get("SECURE_HSTS_INCLUDE_SUBDOMAINS") else []
    policy += ["preload"] if settings.get("SECURE_HSTS_PRELOAD") else []
    return [
        f'Header always set Strict-Transport-Security "{"; ".join(policy)}" '
        "\"expr=%{HTTPS} == 'on'\""
    ]
