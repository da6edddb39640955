"""`app.store.redis_connection`: rows of commands over real sockets, and servers that misbehave."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.store.redis_connection import open_connection, signing_in
from app.store.redis_url import RedisUrl, parse_url
from tests.ports import free_port
from tests.redis_server import needs_redis, redis_server

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _server(serve: Serve) -> AsyncIterator[RedisUrl]:
    """Run something that is no Redis; each connection ends when ``serve`` returns."""
    tasks: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError):
                await serve(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield parse_url(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for task in filter(None, tasks):
            task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)


async def _for_ever(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@needs_redis
async def test_a_row_brings_what_its_commands_bring_in_order() -> None:
    async with redis_server() as server:
        connection = await open_connection(parse_url(server.url), None)
        for number in range(3):
            row = [("SET", "k", number), ("GET", "k"), ("NO-SUCH",), ("STRLEN", "k")]
            done, got, unknown, size = await connection.ask(row)

            assert (done, got, size) == (b"OK", b"%d" % number, 1)
            assert isinstance(unknown, ResponseError)
        connection.close()
        connection.close()

    assert not connection.is_open
    with pytest.raises(RedisConnectionError):
        await connection.ask([("PING",)])
    connection.send("PING")  # to nobody


@needs_redis
async def test_a_row_that_nobody_waits_for_any_more_leaves_nothing_to_the_next() -> None:
    async with redis_server() as server:
        connection = await open_connection(parse_url(server.url), None)
        connection.ask([("ECHO", "first")]).cancel()
        await asyncio.wait_for(_replied(server.port), 10)
        # Its reply is the next thing to be read.
        while connection._row is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)

        assert await connection.ask([("ECHO", "second")]) == [b"second"]
        connection.close()


async def _replied(port: int) -> None:
    """Return once a server has done what it was asked before."""
    other = await open_connection(parse_url(f"redis://127.0.0.1:{port}"), None)
    await other.ask([("PING",)])
    other.close()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", RedisConnectionError),
        (b"+half", RedisConnectionError),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", InvalidResponse),
    ],
)
async def test_a_row_fails_with_its_connection(said: bytes, error: type[Exception]) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(said)
        await writer.drain()

    async with _server(serve) as url:
        connection = await open_connection(url, None)
        with pytest.raises(error):
            await connection.ask([("PING",)])
        await connection.closed


async def test_who_is_silent_is_given_up() -> None:
    async with _server(_for_ever) as url:
        connection = await open_connection(url, None)
        row = connection.ask([("PING",)])
        connection.give_up()

        with pytest.raises(RedisTimeoutError):
            await row
        assert not connection.is_open


async def test_who_says_what_nobody_has_asked_is_hung_up_on() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+PONG\r\n")
        await asyncio.Event().wait()

    async with _server(serve) as url:
        connection = await open_connection(url, None)
        async with asyncio.timeout(10):
            await connection.closed


@needs_redis
async def test_a_listener_is_told_what_comes_by_itself() -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()
    async with redis_server("--requirepass", "p") as server:
        url = parse_url(f"redis://:p@127.0.0.1:{server.port}")
        connection = await open_connection(url, None, listener=told.put_nowait)
        connection.send(b"SUBSCRIBE", b"news")
        assert await told.get() == [b"subscribe", b"news", 1]
        other = await open_connection(url, None)
        await other.ask([("PUBLISH", "news", "more")])

        assert await told.get() == [b"message", b"news", b"more"]
        connection.close()
        other.close()
    assert told.empty()  # to sign in is no news


async def test_where_nobody_listens_is_told_with_the_systems_word() -> None:
    with pytest.raises(RedisConnectionError) as refused:
        await open_connection(parse_url(f"redis://127.0.0.1:{free_port()}"), None)

    assert isinstance(refused.value.__cause__, ConnectionRefusedError)


async def test_what_stands_in_between_does_not_forget_a_silent_connection() -> None:
    async with _server(_for_ever) as url:
        connection = await open_connection(url, None)
        assert connection._transport is not None
        own = connection._transport.get_extra_info("socket")

        assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        connection.close()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://h", []),
        ("redis://h/2", [("SELECT", 2)]),
        ("redis://:p@h", [("AUTH", "p")]),
        ("redis://u:p@h/1", [("AUTH", "u", "p"), ("SELECT", 1)]),
        ("redis://u@h", [("AUTH", "u", "")]),
    ],
)
def test_a_connection_begins_with_who_it_is_and_its_database(
    url: str, told: list[tuple[str, ...]]
) -> None:
    assert signing_in(parse_url(url)) == told
