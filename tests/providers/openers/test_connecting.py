"""How a connection comes about: addresses, proxies, TLS; over real sockets.

Certificates are in test_tls.py, and what a proxy may say in test_proxy.py.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from app.errors import ProviderUnreachable
from app.providers.openers.connecting import Connector, _by_turns, _first
from app.providers.openers.connection import Connection
from app.providers.openers.proxy import Proxy
from app.providers.openers.server_address import ServerAddress
from tests.providers import upstream as server
from tests.providers.openers.reading import Run
from tests.providers.upstream import Script, accept, hang_up, settled

PLAIN = ServerAddress(False, "127.0.0.1", 80, "")


@pytest.mark.parametrize(
    ("addresses", "order"),
    [
        (["1.1.1.1"], ["1.1.1.1"]),
        (["::1", "127.0.0.1"], ["::1", "127.0.0.1"]),
        (["::1", "::2", "1.1.1.1", "2.2.2.2"], ["::1", "1.1.1.1", "::2", "2.2.2.2"]),
        (["1.1.1.1", "2.2.2.2", "::1"], ["1.1.1.1", "::1", "2.2.2.2"]),
    ],
)
def test_kinds_of_addresses_take_turns(addresses: list[str], order: list[str]) -> None:
    assert _by_turns(addresses) == order


class Made:
    """Makes connections and notes them."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.lost: list[Connection] = []

    def __call__(self) -> Connection:
        return Connection(self.connections.append, self.lost.append)


def attempt(
    made: Made, port: int, *before: Callable[[], Awaitable[object]]
) -> Callable[[], Awaitable[Connection]]:
    async def connect() -> Connection:
        for wait in before:
            await wait()
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(made, "127.0.0.1", port))[1]

    return connect


@asynccontextmanager
async def listening(script: Script = server.Connection.closed_by_client) -> AsyncIterator[int]:
    async with asyncio.timeout(20), accept(script, script) as upstream:
        yield int(upstream.url.rpartition(":")[2].partition("/")[0])


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


def test_who_is_cancelled_as_the_connection_is_made_leaves_none_behind(run: Run) -> None:
    async def scene() -> None:
        made: list[Connection] = []
        lost: list[Connection] = []

        def cancel_as_soon_as_it_stands(connection: Connection) -> None:
            made.append(connection)
            connecting.cancel()

        async with listening() as port:
            place = ServerAddress(False, "127.0.0.1", port, "")
            connecting = asyncio.create_task(
                Connector(place, None).connect(
                    lambda: Connection(cancel_as_soon_as_it_stands, lost.append)
                )
            )
            await asyncio.wait((connecting,))
            await settled()
        assert connecting.cancelled()
        assert len(made) == 1
        assert lost == made

    run(scene())


async def test_an_address_that_refuses_gives_way_to_the_next_at_once() -> None:
    made = Made()
    async with listening() as port:
        connection = await _first([attempt(made, closed_port()), attempt(made, port)])
        assert connection.is_usable
        connection.abort()
        await settled()


async def test_an_address_that_does_not_respond_is_given_up_once_another_has() -> None:
    made, stuck = Made(), asyncio.Event()
    cancelled = asyncio.Event()

    async def never() -> None:
        try:
            await stuck.wait()
        finally:
            cancelled.set()

    async with listening() as port:
        connection = await _first([attempt(made, port, never), attempt(made, port)])
        await cancelled.wait()
        assert made.connections == [connection]
        connection.abort()
        await settled()


async def test_of_two_that_connect_at_once_one_is_closed() -> None:
    made, both = Made(), asyncio.Barrier(2)

    async with listening() as port:
        connection = await _first([attempt(made, port, both.wait), attempt(made, port, both.wait)])
        await settled()
        assert len(made.connections) == 2
        assert made.lost == [other for other in made.connections if other is not connection]
        connection.abort()
        await settled()


async def test_if_all_refuse_the_first_error_is_told() -> None:
    async def refuse() -> Connection:
        raise ConnectionRefusedError("first")

    async def reset() -> Connection:
        raise ConnectionResetError("second")

    with pytest.raises(ConnectionRefusedError, match="first"):
        await _first([refuse, reset])


async def test_a_cancelled_search_closes_what_it_has_found() -> None:
    stuck, is_tried = asyncio.Event(), asyncio.Event()

    async def never() -> Connection:
        is_tried.set()
        await stuck.wait()
        raise AssertionError

    searching = asyncio.ensure_future(_first([never]))
    await is_tried.wait()
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching
    await settled()

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_name_is_looked_up() -> None:
    made = Made()
    async with listening() as port:
        connector = Connector(ServerAddress(False, "localhost", port, ""), None)
        connection = await connector.connect(made)
        assert connection.is_usable
        connection.abort()
        await settled()


async def test_a_name_that_nobody_has_is_an_error() -> None:
    connector = Connector(ServerAddress(False, "nobody.invalid", 80, ""), None)

    with pytest.raises(OSError):
        await connector.connect(Made())


@asynccontextmanager
async def tunnel(script: Script, made: Made) -> AsyncIterator[Awaitable[Connection]]:
    async with listening(script) as port:
        proxy = Proxy(False, "127.0.0.1", port)
        connecting = Connector(ServerAddress(True, "a.test", 443, ""), proxy).connect(made)
        yield connecting
        await settled()
        assert made.lost == made.connections


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "the proxy opens no tunnel: status 403"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "it sent more than its response"),
        (b"rubbish", "malformed HTTP"),
    ],
)
async def test_a_proxy_that_refuses_is_named_and_left(response: bytes, sentence: str) -> None:
    async def play(connection: server.Connection) -> None:
        await connection.read_request()
        await connection.send(response)
        await connection.closed_by_client()

    async with tunnel(play, Made()) as connecting:
        with pytest.raises(ProviderUnreachable, match=sentence):
            await connecting


async def test_a_proxy_that_hangs_up_is_no_tunnel() -> None:
    async def play(connection: server.Connection) -> None:
        await connection.read_request()
        connection.reset()

    async with tunnel(play, Made()) as connecting:
        with pytest.raises(OSError):
            await connecting


async def test_a_proxy_that_closes_says_no() -> None:
    async def play(connection: server.Connection) -> None:
        await connection.read_request()
        connection.close()

    async with tunnel(play, Made()) as connecting:
        with pytest.raises(ProviderUnreachable, match="without a response"):
            await connecting


async def test_a_proxy_that_says_nothing_can_be_given_up() -> None:
    is_asked = asyncio.Event()

    async def play(connection: server.Connection) -> None:
        await connection.read_request()
        is_asked.set()
        await connection.closed_by_client()

    async with tunnel(play, Made()) as connecting:
        task = asyncio.ensure_future(connecting)
        await is_asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_server_that_hangs_up_before_tls_is_an_error() -> None:
    made = Made()
    async with listening(hang_up) as port:
        connector = Connector(ServerAddress(True, "127.0.0.1", port, ""), None)
        with pytest.raises(OSError):
            await connector.connect(made)
        await settled()

    assert made.lost == made.connections


def test_certificates_are_read_once_for_all_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ServerAddress(is_tls=True, host="127.0.0.1", port=443, path="")
    first, second = Connector(server, None)._tls(), Connector(server, None)._tls()
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    other = Connector(server, None)._tls()

    assert first is second
    assert other is not first
