"""Who is told what happens to a connection, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.providers.openers.connection import Connection
from tests.providers import upstream as server
from tests.providers.upstream import accept, settled


class Noting:
    """An owner that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.news = asyncio.Event()

    def _note(self, what: object) -> None:
        self.told.append(what)
        self.news.set()

    def receive(self, data: bytes) -> None:
        self._note(data)

    def receive_end(self) -> None:
        self._note("end")

    def lose(self, error: Exception | None) -> None:
        self._note(error)

    def resume(self) -> None:
        self._note("room")


def _nothing(connection: Connection) -> None:
    pass


@asynccontextmanager
async def connected(
    script: server.Script, lost: Callable[[Connection], None]
) -> AsyncIterator[Connection]:
    async with asyncio.timeout(20), accept(script) as upstream:
        port = int(upstream.url.rpartition(":")[2].partition("/")[0])
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(_nothing, lost), "127.0.0.1", port
        )
        try:
            yield connection
        finally:
            connection.abort()
            await settled()


async def test_an_owner_is_told_of_bytes_the_end_and_the_loss() -> None:
    owner, is_lost = Noting(), asyncio.Event()

    async def play(connection: server.Connection) -> None:
        await connection.send(b"a")
        connection.close()

    async with connected(play, lambda _: is_lost.set()) as connection:
        connection.own(owner)
        await is_lost.wait()

    assert owner.told == [b"a", "end", None]
    assert not connection.is_usable


async def test_what_comes_unasked_closes_the_connection() -> None:
    is_lost = asyncio.Event()

    async def play(connection: server.Connection) -> None:
        await connection.send(b"a")
        await connection.closed_by_client()

    async with connected(play, lambda _: is_lost.set()):
        await is_lost.wait()


async def test_a_server_that_closes_an_idle_connection_is_noticed() -> None:
    is_lost = asyncio.Event()

    async with connected(server.hang_up, lambda _: is_lost.set()):
        await is_lost.wait()


async def test_room_for_more_is_told_to_the_owner() -> None:
    owner, may_read = Noting(), asyncio.Event()

    async def play(connection: server.Connection) -> None:
        await may_read.wait()
        await connection.closed_by_client()

    async with connected(play, lambda _: None) as connection:
        while connection.is_writable:
            connection.transport.write(b"a" * 1_000_000)
        connection.own(owner)
        may_read.set()
        await owner.news.wait()

    assert owner.told[0] == "room"


async def test_room_that_nobody_waits_for_is_no_error() -> None:
    may_read = asyncio.Event()

    async def play(connection: server.Connection) -> None:
        await may_read.wait()
        await connection.closed_by_client()

    async with connected(play, lambda _: None) as connection:
        connection.pause_writing()
        connection.resume_writing()
        assert connection.is_writable


async def test_the_loss_is_told_once() -> None:
    losses: list[Connection] = []

    async with connected(server.Connection.closed_by_client, losses.append) as connection:
        connection.abandon()
        connection.abandon()
        await settled()

    assert losses == [connection]


def test_a_connection_that_was_never_made_can_be_closed() -> None:
    losses: list[Connection] = []
    connection = Connection(_nothing, losses.append)

    connection.abort()
    connection.abandon()

    assert losses == [connection]
