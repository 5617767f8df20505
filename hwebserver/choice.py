"""Which address and number a port of run() listens on."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..apache.listening import available_port
from .errors import OperationFailed
from .registry import MAIN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from .arguments import Arguments


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a port listens."""

    address: str
    number: int


def choose(
    name: str,
    settings: Mapping[str, Any],
    arguments: Arguments,
    taken: Collection[int],
) -> Listener:
    """A free port: PORT, else up to MAX_PORT, else one of the system's if ALLOW_SYSTEM_PORT.

    For the main port run()'s arguments come before the settings.
    taken: numbers that are not free any more.

    Raises OperationFailed for what cannot be listened on.
    """
    address, family = _address(settings)
    candidates = list(dict.fromkeys(_candidates(name, settings, arguments)))
    reason = None
    for number in candidates:
        if number in taken:
            continue
        found, reason = _free(address, family, number)
        while found in taken:  # a number from the settings, where nobody listens yet
            found, reason = _free(address, family, number)
        if found:
            return Listener(address, found)
    raise OperationFailed(_refusal(name, address, candidates, reason))


def _address(settings: Mapping[str, Any]) -> tuple[str, socket.AddressFamily]:
    """An IP address, and its family."""
    name, ipv6 = settings.get("ADDRESS"), settings.get("IPV6")
    if name is None:
        return ("::", socket.AF_INET6) if ipv6 else ("0.0.0.0", socket.AF_INET)
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OperationFailed(
            f"the ADDRESS {name} is unknown ({reason}); give one of this machine's"
        ) from None
    wanted = socket.AF_INET6 if ipv6 else socket.AF_INET
    families = {family: str(address[0]) for family, _, _, _, address in reversed(found)}
    if ipv6 is False and wanted not in families:
        raise OperationFailed(f"the ADDRESS {name} is of IPv6, and IPV6 is False; set IPV6")
    family = wanted if wanted in families else found[0][0]
    return families[family], family


def _candidates(name: str, settings: Mapping[str, Any], arguments: Arguments) -> Iterator[int]:
    first, last = settings.get("PORT"), settings.get("MAX_PORT")
    allows_any = settings.get("ALLOW_SYSTEM_PORT", False)
    if name == MAIN:
        first = first if arguments.port == -1 else arguments.port
        last = last if arguments.up_to_port is None else arguments.up_to_port
        allows_any = allows_any or arguments.use_free_port_on_failure
    elif first is None and name.isdecimal():
        first = int(name)
    if first is None and not allows_any:
        raise OperationFailed(
            f"the port {name} has no number; give one: "
            f'setSettingsForPort({{"PORT": 8009}}, "{name}")'
        )
    if first is not None:
        yield first
        if last is not None:
            yield from range(first + 1, last + 1)
    if allows_any:
        yield 0


def _free(address: str, family: socket.AddressFamily, number: int) -> tuple[int, OSError | None]:
    """*number* if it can be listened on, for 0 one that can; else 0 and why not."""
    try:
        return available_port(family, (address, number)), None
    except OSError as error:
        return 0, error


def _refusal(name: str, address: str, candidates: list[int], reason: OSError | None) -> str:
    numbers = f"{candidates[0]}" if len(candidates) == 1 else f"{candidates[0]} and further ones"
    if reason is None:
        return f"the port {name} has the number {numbers}, as another port has; choose another"
    if reason.errno == errno.EADDRNOTAVAIL:
        return (
            f"the ADDRESS {address} is not one of this machine's ({reason.strerror}); choose one, "
            "or leave it out to listen on all"
        )
    if reason.errno in (errno.EACCES, errno.EPERM):
        return (
            f"the port {numbers} is forbidden to this user ({reason.strerror}); choose one from "
            "1024 on"
        )
    return (
        f"the port {numbers} at {address} cannot be listened on ({reason.strerror}); choose "
        "another, or have a free one taken: up_to_port, use_free_port_on_failure"
    )
