"""`tests.ports`."""

import socket

from tests.ports import free_port


def test_a_server_can_listen_on_the_port() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass


def test_the_kernel_gives_the_port_to_nobody_who_asks_for_any() -> None:
    kept = free_port()

    given = set()
    for _ in range(2000):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            given.add(other.getsockname()[1])

    assert kept not in given
