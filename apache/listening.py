"""Whether a port can be listened on, and ports that the kernel chooses."""

import contextlib
import socket
from typing import Any


def available_port(family: int, address: tuple[Any, ...]) -> int:
    """The number of *address*, an IP address and a port, if it can be listened on.

    For the port 0 the kernel chooses one, which for a minute it gives to nobody else.

    Raises OSError if it cannot be listened on.
    """
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # as Apache does
        probe.bind(address)
        probe.listen()
        if address[1] == 0:
            _keep(probe)
        return int(probe.getsockname()[1])


def _keep(listening: socket.socket) -> None:
    """Leave a connection in TIME_WAIT on the port: it can be listened on, as all servers do so with
    SO_REUSEADDR, but is none of those that bind() and connect() choose from."""
    host, port = listening.getsockname()[:2]
    reachable = "127.0.0.1" if host == "::" else host
    listening.settimeout(1.0)
    with contextlib.suppress(OSError), socket.create_connection((reachable, port), timeout=1.0):
        listening.accept()[0].close()  # the end that closes first is the one that waits
