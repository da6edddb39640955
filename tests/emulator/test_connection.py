"""One connection, byte by byte."""

import asyncio
import socket
import struct

import pytest

from app.emulator.connection import BodyTooLarge, ClientGone, Connection, Request
from tests.emulator.emulation import INVOKE, PATIENCE_S, connected, emulator, http_server

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_expect_100_continue_is_sent_before_the_body() -> None:
    async with emulator() as running, asyncio.timeout(PATIENCE_S):
        port = int(running.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {INVOKE} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 16\r\n"
        writer.write(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 \r\n\r\n"
        writer.write(b'{"chunks":["x"]}')
        response = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b"\r\n\r\n1\r\nx\r\n0\r\n\r\n")


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\r\n\r\n", b"GET /\r\n\r\n"])
async def test_what_is_not_http_gets_a_400(sent: bytes) -> None:
    async with emulator() as running, asyncio.timeout(PATIENCE_S):
        port = int(running.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        response = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert response.startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_trailers_are_known_once_the_body_has_been_read() -> None:
    async def read(connection: Connection, request: Request) -> None:
        before = dict(connection.trailers)
        body = await connection.read_body(1000)
        text = f"{before} {body!r} {connection.trailers}"
        await connection.respond(200, (), text.encode())

    async with http_server(read) as (_, port), connected(port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"2\r\nab\r\n0\r\nX-Late: 1\r\n\r\n")

        assert await reader.readuntil(b"'}")
        writer.write(GET)
        response = await reader.readuntil(b"{} b'' {}")

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_head_is_read_with_its_query_and_repeated_headers() -> None:
    requests: list[Request] = []

    async def keep(connection: Connection, request: Request) -> None:
        requests.append(request)
        await connection.respond(200, (), b"")

    async with http_server(keep) as (_, port), connected(port) as (reader, writer):
        writer.write(b"GET /a%20b?c=1?d HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")

    (request,) = requests
    assert (request.method, request.path, request.query) == ("GET", "/a%20b", "c=1?d")
    assert (request.header("x-a"), request.header("x-b")) == ("1,2", "")
    assert request.client_host == "127.0.0.1"


async def test_a_body_over_the_limit_is_noticed_before_its_end() -> None:
    noticed = asyncio.Event()

    async def read(connection: Connection, request: Request) -> None:
        with pytest.raises(BodyTooLarge):
            await connection.read_body(3)
        noticed.set()
        await connection.respond(413, (), b"")

    async with http_server(read) as (_, port), connected(port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n1234")
        await noticed.wait()

        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_leaves_while_it_waits_is_noticed() -> None:
    waiting, gone = asyncio.Event(), asyncio.Event()

    async def wait(connection: Connection, request: Request) -> None:
        waiting.set()
        try:
            await connection.unless_gone(asyncio.Event().wait())
        except ClientGone:
            gone.set()
            raise

    async with http_server(wait) as (_, port):
        async with connected(port) as (_, writer):
            writer.write(GET)
            await waiting.wait()
        async with asyncio.timeout(PATIENCE_S):
            await gone.wait()


async def test_what_is_awaited_comes_back_if_the_client_stays() -> None:
    async def wait(connection: Connection, request: Request) -> None:
        value = await connection.unless_gone(asyncio.sleep(0, b"value"))
        await connection.respond(200, (), value)

    async with http_server(wait) as (_, port), connected(port) as (reader, writer):
        writer.write(GET)
        assert await reader.readuntil(b"value")


async def test_a_chunk_is_sent_at_once_and_only_a_complete_response_has_an_end() -> None:
    go_on: asyncio.Queue[bool] = asyncio.Queue()

    async def stream(connection: Connection, request: Request) -> None:
        started_before = not connection.can_respond
        await connection.start(200, ())
        assert (started_before, connection.can_respond) == (False, False)
        await connection.send(b"")
        await connection.send(b"ab")
        if await go_on.get():
            await connection.end()

    async with http_server(stream) as (_, port), connected(port) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"2\r\nab\r\n")
        go_on.put_nowait(True)
        assert await reader.readexactly(5) == b"0\r\n\r\n"

        writer.write(GET)
        await reader.readuntil(b"2\r\nab\r\n")
        go_on.put_nowait(False)
        assert await reader.read() == b""


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_a_response_without_body_has_none_however_it_is_sent(
    method: str, status: int
) -> None:
    ended: list[str] = []

    async def both(connection: Connection, request: Request) -> None:
        if request.path == "/whole":
            await connection.respond(status, (), b"unwanted")
        else:
            await connection.start(status, ())
            await connection.send(b"unwanted")
            await connection.end()
        ended.append(request.path)

    for path in ("/whole", "/streamed"):
        async with http_server(both) as (_, port), connected(port) as (reader, writer):
            head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            response = await reader.read()

        assert response.startswith(f"HTTP/1.1 {status} ".encode())
        assert response.endswith(b"\r\n\r\n")
        assert b"unwanted" not in response
        assert ended[-1] == path


async def test_a_header_that_latin_1_cannot_hold_is_sent_as_utf_8() -> None:
    async def respond(connection: Connection, request: Request) -> None:
        await connection.respond(200, (("x-latin", "é"), ("x-more", "→")), b"")

    async with http_server(respond) as (_, port), connected(port) as (reader, writer):
        writer.write(GET)
        head = await reader.readuntil(b"\r\n\r\n")

    assert b"x-latin: \xe9\r\n" in head
    assert "x-more: →\r\n".encode() in head


async def test_a_client_that_sends_more_than_is_read_still_gets_the_response() -> None:
    async def refuse(connection: Connection, request: Request) -> None:
        await connection.respond(413, (("connection", "close"),), b"too large")

    async with http_server(refuse) as (_, port), connected(port) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n")
        writer.write(bytes(4_000_000))
        await writer.drain()

        assert (await reader.read()).endswith(b"\r\n\r\ntoo large")


async def test_what_came_before_a_reset_is_read_before_the_client_is_gone() -> None:
    received = bytearray()
    has_begun = asyncio.Event()
    is_over = asyncio.Event()

    async def read(connection: Connection, request: Request) -> None:
        has_begun.set()
        # A handler that is busy while the client sends its last bytes and breaks off.
        while connection._reader.exception() is None:  # noqa: ASYNC110, it tells nobody
            await asyncio.sleep(0)
        try:
            async for piece in connection.body():
                received.extend(piece)
        except ClientGone:
            is_over.set()

    async with http_server(read) as (_, port), asyncio.timeout(PATIENCE_S):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await has_begun.wait()
        writer.write(b"4\r\nlast\r\n6\r\nwo")
        await writer.drain()
        sent = writer.get_extra_info("socket")
        sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await is_over.wait()

    assert received == b"lastwo"


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="an option of Linux")
async def test_each_piece_of_a_body_is_acknowledged_at_once() -> None:
    """Who leaves Nagle's algorithm on, as the Lambda Web Adapter, waits for it with the next."""
    sent_but_not_acknowledged: list[int] = []
    looked = asyncio.Event()
    sender: list[socket.socket] = []

    async def look(connection: Connection, request: Request) -> None:
        async for _ in connection.body():
            information = sender[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            # `tcpi_unacked` of Linux's struct tcp_info, in segments.
            sent_but_not_acknowledged.append(struct.unpack_from("I", information, 24)[0])
            looked.set()
        await connection.respond(200, (), b"")

    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with http_server(look) as (_, port), connected(port) as (reader, writer):
        sender.append(writer.get_extra_info("socket"))
        # Linux acknowledges at once by itself until both sides have talked for a while.
        for _ in range(20):
            looked.clear()
            writer.write(head + b"1\r\nx\r\n")
            await looked.wait()
            writer.write(b"0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")

    assert set(sent_but_not_acknowledged) == {0}
