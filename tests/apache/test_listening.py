"""Which ports can be listened on; and those that the kernel chooses stay ours."""

import errno
import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from httpdapy.apache.listening import available_port

HERE = {
    "loopback": (socket.AF_INET, "127.0.0.1"),
    "any": (socket.AF_INET, "0.0.0.0"),
    "any of IPv6": (socket.AF_INET6, "::"),
}
MANY = 10_000


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.fixture(params=HERE)
def here(request) -> tuple[int, str]:
    family, address = HERE[request.param]
    if family == socket.AF_INET6 and not has_ipv6():
        pytest.skip("a machine without IPv6")
    return family, address


def chosen_by_bind() -> Iterator[int]:
    for _ in range(MANY):
        with closing(socket.socket()) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", 0))
            yield other.getsockname()[1]


def chosen_by_connect() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for _ in range(MANY):
            with socket.create_connection(listening.getsockname()) as client:
                # ended by a reset, so that the port is free again
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                yield client.getsockname()[1]
                listening.accept()[0].close()


@pytest.mark.parametrize("chosen", [chosen_by_bind, chosen_by_connect])
def test_a_port_of_the_kernels_is_given_to_nobody_else(here, chosen):
    # of 100 among 28,000 the kernel would choose one in a few hundred times
    family, address = here
    ours = {available_port(family, (address, 0)) for _ in range(100)}
    assert len(ours) == 100
    assert ours.isdisjoint(chosen())


def test_it_can_be_listened_on(here):
    family, address = here
    port = available_port(family, (address, 0))
    assert available_port(family, (address, port)) == port
    with socket.create_server((address, port), family=family):
        pass


def test_a_port_that_another_listens_on(here):
    family, address = here
    other = socket.create_server((address, 0), family=family)
    with other, pytest.raises(OSError) as raised:
        available_port(family, (address, other.getsockname()[1]))
    assert raised.value.errno == errno.EADDRINUSE
