"""Reading what arrived before a connection broke, from a real aiohttp client."""

import asyncio
import socket
import struct
from collections.abc import Callable

import aiohttp
import pytest

from app.received import read_received, read_socket, take_buffered
from tests.providers.upstream import Connection, respond, serve, settled

BREAKS = [Connection.reset, Connection.close]


@pytest.mark.parametrize("break_off", BREAKS, ids=["reset", "close"])
async def test_what_came_before_a_break_is_read_before_the_error(
    break_off: Callable[[Connection], None],
) -> None:
    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.send(b"4\r\none\n\r\n64\r\ntw")
        break_off(connection)

    async with (
        serve(play) as upstream,
        aiohttp.ClientSession() as session,
        session.post(upstream.url) as response,
    ):
        await settled()

        assert response.content.exception() is not None
        assert await read_received(response.content) == b"one\ntw"
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await read_received(response.content)


async def test_a_body_is_read_as_it_comes_and_to_its_end() -> None:
    go_on = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await connection.chunk(b"one")
        await go_on.wait()
        await connection.chunk(b"two")
        await connection.finish()

    async with (
        serve(play) as upstream,
        aiohttp.ClientSession() as session,
        session.post(upstream.url) as response,
    ):
        assert await read_received(response.content) == b"one"
        go_on.set()
        assert await read_received(response.content) == b"two"
        assert await read_received(response.content) == b""


async def test_nothing_is_taken_from_an_empty_buffer() -> None:
    async with (
        serve(respond()) as upstream,
        aiohttp.ClientSession() as session,
        session.post(upstream.url) as response,
    ):
        assert take_buffered(response.content) == b""


async def test_asyncios_reader_gives_what_came_before_a_reset() -> None:
    async def send_and_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"one two")
        await writer.drain()
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with await asyncio.start_server(send_and_reset, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while reader.exception() is None:  # noqa: ASYNC110, it tells nobody
            await asyncio.sleep(0)

        assert await read_socket(reader, 4) == b"one "
        assert await read_socket(reader, 4) == b"two"
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await read_socket(reader, 4)
        writer.close()
