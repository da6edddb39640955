"""HTTP to servers that we do not trust, with aiohttp itself over a real socket.

What every reader of it does with a broken body is in `tests/providers/malformed_http.py`.
"""

import asyncio
import gzip

import aiohttp
import pytest

from app.peer_http import MAX_FRAMING_BYTES, peer_session
from tests.providers.upstream import Connection, respond, serve

PATIENT = aiohttp.ClientTimeout(total=None, sock_read=100)


async def test_a_body_comes_as_it_was_sent() -> None:
    packed = gzip.compress(b"a")
    script = respond(packed, headers={"content-encoding": "gzip"})

    async with (
        serve(script) as upstream,
        peer_session(PATIENT) as session,
        session.get(upstream.url) as response,
    ):
        assert await response.read() == packed


async def test_no_cookie_is_sent_back() -> None:
    first = respond(headers={"set-cookie": "session=1"})

    async with serve(first, respond()) as upstream, peer_session(PATIENT) as session:
        for _ in range(2):
            async with session.get(upstream.url.replace("127.0.0.1", "localhost")) as response:
                await response.read()

    assert "cookie" not in upstream.requests[1].headers


async def test_a_reader_that_waits_is_told_that_the_framing_broke() -> None:
    is_waiting = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        await is_waiting.wait()
        await connection.send(b"nonsense\r\n")
        await connection.closed_by_client()

    async with (
        asyncio.timeout(10),
        serve(play) as upstream,
        peer_session(PATIENT) as session,
        session.get(upstream.url) as response,
    ):
        reading = asyncio.ensure_future(response.content.readany())
        await asyncio.sleep(0)
        is_waiting.set()
        with pytest.raises(aiohttp.ClientPayloadError, match="malformed"):
            await reading


async def test_headers_arrive_although_the_body_with_them_is_broken() -> None:
    async def play(connection: Connection) -> None:
        await connection.send(
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-a: 1\r\n\r\n"
            b"3\r\none\r\nnonsense\r\n"
        )
        await connection.closed_by_client()

    async with (
        asyncio.timeout(10),
        serve(play) as upstream,
        peer_session(PATIENT) as session,
        session.get(upstream.url) as response,
    ):
        assert response.headers["x-a"] == "1"
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_chunk_lines_may_be_long_but_not_without_end() -> None:
    def padded(length: int) -> bytes:
        return b"1;%b\r\na\r\n" % (b"x" * length)

    async def play(connection: Connection) -> None:
        await connection.start()
        for _ in range(20):
            await connection.send(padded(MAX_FRAMING_BYTES // 10))
        await connection.send(padded(10 * MAX_FRAMING_BYTES))
        await connection.closed_by_client()

    received = b""
    async with (
        asyncio.timeout(10),
        serve(play) as upstream,
        peer_session(PATIENT) as session,
        session.get(upstream.url) as response,
    ):
        with pytest.raises(aiohttp.ClientPayloadError):
            while data := await response.content.readany():
                received += data

    assert received == b"a" * 20


async def test_a_connection_that_is_used_again_counts_anew() -> None:
    long = {"x-long": "x" * 8000}
    responses = MAX_FRAMING_BYTES // 8000 + 2
    scripts = [respond(headers=long) for _ in range(responses)]

    async with serve(*scripts) as upstream, peer_session(PATIENT) as session:
        for _ in range(responses):
            async with session.get(upstream.url) as response:
                assert await response.read() == b""

    assert upstream.connections == 1
