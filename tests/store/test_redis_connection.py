"""`app.store.redis_connection`: rows of commands, with a server that says what a test wants."""

import asyncio
import contextlib
import gc
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Connection
from redis.exceptions import (
    BusyLoadingError,
    InvalidResponse,
    NoScriptError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from app.store.redis_connection import RowConnection

ROW = b"*1\r\n$4\r\nPING\r\n"


@asynccontextmanager
async def _connected(
    *says: bytes, then: Callable[[asyncio.StreamWriter], None] = lambda _: None
) -> AsyncIterator[RowConnection]:
    """Connect to a server that sends these pieces, one by one, for each row; then does ``then``."""

    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                await reader.readexactly(len(ROW))
                for piece in says:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                then(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        made = Connection(host="127.0.0.1", port=port, protocol=2, driver_info=None)
        await made.connect()  # type: ignore[no-untyped-call]
        connection = RowConnection(made)
        yield connection
        connection.close()
        await asyncio.gather(*filter(None, serving))


def _bytes(data: bytes) -> Sequence[bytes]:
    return [data[n : n + 1] for n in range(len(data))]


async def test_a_row_brings_a_result_for_each_command_however_it_is_cut() -> None:
    async with _connected(*_bytes(b"+OK\r\n$3\r\na\r\n\r\n*2\r\n:7\r\n$-1\r\n")) as connection:
        for _ in range(2):
            assert await connection.ask(ROW, 3) == [b"OK", b"a\r\n", [7, None]]


async def test_an_error_is_a_result() -> None:
    said = b"-NOSCRIPT No matching script.\r\n-READONLY no\r\n-LOADING it\r\n-ERR unknown\r\n:1\r\n"
    async with _connected(said) as connection:
        *errors, last = await connection.ask(ROW, 5)

        kinds = [NoScriptError, ReadOnlyError, BusyLoadingError, ResponseError]
        assert [type(error) for error in errors] == kinds
        assert [str(errors[0]), str(errors[3])] == ["No matching script.", "ERR unknown"]
        assert last == 1
        assert not connection.is_lost


@pytest.mark.parametrize("said", [b"?\r\n", b"+OK\r\n+OK\r\n"])
async def test_what_is_no_result_ends_the_connection(said: bytes) -> None:
    async with _connected(said) as connection:
        with pytest.raises(InvalidResponse):
            await connection.ask(ROW, 1)

        assert connection.is_lost
        with pytest.raises(RedisConnectionError):
            await connection.ask(ROW, 1)


async def test_a_result_that_nobody_asked_for_ends_the_connection() -> None:
    more = asyncio.Event()

    def later(writer: asyncio.StreamWriter) -> None:
        async def say() -> None:
            await more.wait()
            writer.write(b"+OK\r\n")

        saying.append(asyncio.create_task(say()))

    saying: list[asyncio.Task[None]] = []
    async with _connected(b"+OK\r\n", then=later) as connection:
        await connection.ask(ROW, 1)
        more.set()
        while not connection.is_lost:  # noqa: ASYNC110 nothing tells that
            await asyncio.sleep(0.001)
        await asyncio.gather(*saying)


@pytest.mark.parametrize("end", [lambda w: w.close(), lambda w: w.transport.abort()])
async def test_a_server_that_goes_away_in_a_row_is_told(
    end: Callable[[asyncio.StreamWriter], None],
) -> None:
    async with _connected(b"$10\r\nhal", then=end) as connection:
        with pytest.raises(RedisConnectionError):
            await connection.ask(ROW, 1)

        assert connection.is_lost


async def test_a_server_that_goes_away_between_rows_is_noticed() -> None:
    async with _connected(b"+OK\r\n", then=lambda writer: writer.close()) as connection:
        await connection.ask(ROW, 1)
        while not connection.is_lost:  # noqa: ASYNC110 nothing tells that
            await asyncio.sleep(0.001)


async def test_what_comes_for_who_was_cancelled_is_given_to_nobody() -> None:
    async with _connected() as connection:
        asking = asyncio.create_task(connection.ask(ROW, 1))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait((asking,))
        connection.data_received(b"+OK\r\n")

        assert connection.is_lost


async def test_a_closed_connection_leaves_no_warning() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with _connected(b"+OK\r\n") as connection:
            await connection.ask(ROW, 1)
        del connection
        await asyncio.sleep(0)
        gc.collect()

    assert [str(warning.message) for warning in warned] == []
