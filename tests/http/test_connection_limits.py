"""What a connection may cost before the app is asked, over real sockets."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.http.connection_limits import ConnectionLimits, LimitedConnection, limited_protocol
from tests.chatting import logged

# Long enough for whatever a busy machine does: only a failing test waits so long.
PATIENCE_S = 15.0
NO_HURRY = 600.0
KIB = 1024


class Echo:
    """An ASGI app that sends back what it was sent, and refuses ``/refused`` without reading.

    Attributes:
        asked: the path of every request that reached it.
        began: set when a request reached it.
        left: set when a client left before its body was complete.
        may_read, may_end: hold back the app before it reads, and before it ends its response.
        pieces: of all bodies, as the app received them.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.began = asyncio.Event()
        self.left = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_read.set()
        self.may_end.set()
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        self.began.set()
        if scope["path"] == "/refused":
            headers = [(b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 413, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.may_read.wait()
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            body += message["body"]
            self.pieces.put_nowait(message["body"])
            if not message["more_body"]:
                break
        length = str(len(body) + 5).encode()
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"read:", "more_body": True})
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": body})


class Client:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """Read a whole response, and the interim ones before it."""
        while True:
            head = await self.reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head.decode().split("\r\n")[:-2]
            status = int(status_line.split()[1])
            if status >= 200:
                break
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return status, headers, await self.reader.readexactly(int(headers["content-length"]))

    async def refusal(self) -> tuple[int, str]:
        """Read a response of ours, which is the last; return its status and sentence."""
        status, headers, body = await self.response()
        assert headers["connection"] == "close"
        assert headers["content-type"] == "application/json"
        said: dict[str, Any] = json.loads(body)
        assert said["success"] is False
        await self.end()
        return status, said["error"]

    async def end(self) -> None:
        """Wait until the server has closed the connection without another byte."""
        with contextlib.suppress(ConnectionResetError):
            assert await self.reader.read() == b""


class Site:
    """A server with limits, and its app."""

    def __init__(self, app: Echo, port: int) -> None:
        self.app = app
        self._port = port

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                yield Client(reader, writer)
            finally:
                writer.transport.abort()


@contextlib.asynccontextmanager
async def site(**limits: Any) -> AsyncIterator[Site]:
    app = Echo()
    chosen = ConnectionLimits(**{"head_s": NO_HURRY, "body_s": NO_HURRY, **limits})
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=limited_protocol(chosen),
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Site(app, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await serving


def request(path: str = "/", body: bytes = b"", *headers: bytes) -> bytes:
    lines = (b"host: x", b"content-length: %d" % len(body), *headers)
    head = b"POST %s HTTP/1.1\r\n%s\r\n\r\n" % (path.encode(), b"\r\n".join(lines))
    return head + body


def request_of(head_bytes: int) -> bytes:
    """Return a request whose head has exactly so many bytes."""
    padding = head_bytes - len(request("/", b"", b"x: "))
    return request("/", b"", b"x: " + b"y" * padding)


TOO_LARGE = (431, "The request's headers are larger than 65536 bytes.")
TOO_LONG = (414, "The request's URL is longer than 16384 bytes.")
TOO_LATE = (408, "The request did not arrive in time.")


async def test_a_header_block_of_64_kib_is_served_and_one_byte_more_is_refused() -> None:
    async with site() as server, server.client() as most, server.client() as more:
        most.send(request_of(64 * KIB))
        more.send(request_of(64 * KIB + 1))

        assert (await most.response())[0] == 200
        assert await more.refusal() == TOO_LARGE

    assert server.app.asked == ["/"]


@pytest.mark.parametrize("piece", [b"x: " + b"y" * 1000 + b"\r\n", b"xy:\r\n", b"z" * 7000])
async def test_a_header_block_without_an_end_is_refused_whatever_it_holds(piece: bytes) -> None:
    async with site() as server, server.client() as client:
        client.send(b"GET / HTTP/1.1\r\n" + piece * (64 * KIB // len(piece) + 1))

        assert await client.refusal() == TOO_LARGE
    assert server.app.asked == []


async def test_empty_lines_before_a_request_are_counted_too() -> None:
    async with site() as server, server.client() as client:
        client.send(b"\r\n" * (32 * KIB + 1))

        assert await client.refusal() == TOO_LARGE


async def test_a_url_of_16_kib_is_served_and_one_byte_more_is_refused() -> None:
    longest = "/" + "u" * (16 * KIB - 1)
    async with site() as server, server.client() as most, server.client() as more:
        most.send(request(longest))
        more.send(request(longest + "u"))

        assert (await most.response())[0] == 200
        assert await more.refusal() == TOO_LONG

    assert server.app.asked == [longest]


async def test_a_url_without_an_end_is_refused_as_too_long() -> None:
    async with site() as server, server.client() as client:
        client.send(b"GET /" + b"u" * 70 * KIB)

        assert await client.refusal() == TOO_LONG


async def test_a_head_may_come_byte_by_byte() -> None:
    async with site() as server, server.client() as client:
        for byte in request("/slow", b"abc"):
            client.send(bytes((byte,)))
            await client.writer.drain()

        assert (await client.response())[2] == b"read:abc"


async def test_the_limit_is_that_of_one_request_not_of_the_connection() -> None:
    async with site() as server, server.client() as client:
        for _ in range(5):
            client.send(request_of(40 * KIB))

            assert (await client.response())[0] == 200


async def test_a_body_of_any_size_is_not_counted_as_head() -> None:
    body = b"b" * 1_000_000
    async with site() as server, server.client() as client:
        client.send(request("/", body))

        assert (await client.response())[2] == b"read:" + body


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with site() as server, server.client() as client:
        client.send(b"".join(request(f"/{n}", b"%d" % n) for n in range(4)))

        assert [(await client.response())[2] for _ in range(4)] == [
            b"read:0",
            b"read:1",
            b"read:2",
            b"read:3",
        ]


async def test_the_response_before_a_pipelined_head_that_is_too_large_is_whole() -> None:
    async with site() as server, server.client() as client:
        server.app.may_end.clear()
        client.send(request("/first", b"abc"))
        assert await client.reader.readuntil(b"read:")

        client.send(b"GET / HTTP/1.1\r\nx: " + b"y" * 200 * KIB)
        await client.writer.drain()
        server.app.may_end.set()

        assert await client.reader.readexactly(3) == b"abc"
        # Nothing, or the refusal, if the head came only after the response had ended.
        rest = await client.reader.read()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 431 ")
    assert server.app.asked == ["/first"]


async def test_chunked_bodies_and_their_trailers_are_read() -> None:
    chunks = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-sum: 5\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    async with site() as server, server.client() as client:
        for _ in range(2):
            client.send(head + chunks)

            assert (await client.response())[2] == b"read:abcde"


@pytest.mark.parametrize("tail", [b"0\r\nx-sum: ", b"1;x="], ids=["trailer", "extension"])
async def test_trailers_and_chunk_extensions_without_an_end_are_refused(tail: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
    async with site() as server, server.client() as client:
        client.send(head + tail + b"y" * 130 * KIB)

        assert await client.refusal() == TOO_LARGE
        await server.app.left.wait()


async def test_what_is_not_http_is_refused_in_our_form() -> None:
    async with site() as server, server.client() as client:
        client.send(b"hello\r\n\r\n")

        assert await client.refusal() == (400, "The request is not valid HTTP.")


async def test_a_body_is_asked_for_with_100_continue() -> None:
    async with site() as server, server.client() as client:
        head, _, body = request("/", b"abc", b"expect: 100-continue").partition(b"\r\n\r\n")
        client.send(head + b"\r\n\r\n")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(body)

        assert (await client.response())[2] == b"read:abc"


async def test_a_head_that_does_not_end_is_cut_off() -> None:
    async with site(head_s=0.2) as server, server.client() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\n")

        assert await client.refusal() == TOO_LATE


async def test_a_head_is_not_given_more_time_for_each_byte() -> None:
    async with site(head_s=0.5) as server, server.client() as client:
        client.send(b"GET / HTTP/1.1\r\nx: ")

        async def drip() -> None:
            while True:
                client.send(b"y")
                await client.writer.drain()
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert await client.refusal() == TOO_LATE
        dripping.cancel()
        await asyncio.wait({dripping})


@pytest.mark.parametrize("said", [b"", b"\r\n"], ids=["nothing", "an empty line"])
async def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(
    said: bytes,
) -> None:
    async with site(head_s=0.2) as server, server.client() as client:
        client.send(said)

        await client.end()


async def test_a_second_request_has_its_own_time() -> None:
    async with site(head_s=0.3) as server, server.client() as client:
        client.send(request())
        assert (await client.response())[0] == 200
        client.send(b"GET / HT")

        assert await client.refusal() == TOO_LATE


async def test_a_body_that_stops_is_cut_off_and_the_app_is_told() -> None:
    async with site(body_s=0.2) as server, server.client() as client:
        client.send(request("/", b"x" * 100)[:-50])

        assert await client.refusal() == TOO_LATE
        await server.app.left.wait()


async def test_a_slow_but_steady_body_is_not_cut_off() -> None:
    body_s = 0.5
    async with site(body_s=body_s) as server, server.client() as client:
        client.send(request("/", b"x" * 100)[:-100])
        began = time.monotonic()
        for _ in range(100):
            client.send(b"x")
            await server.app.pieces.get()
            await asyncio.sleep(body_s / 50)
        took = time.monotonic() - began

        assert (await client.response())[2] == b"read:" + b"x" * 100
    assert took > 2 * body_s


async def test_a_body_that_never_ends_is_given_up_however_steadily_it_comes() -> None:
    async with site(whole_body_s=0.5) as server, server.client() as client:
        client.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")

        async def drip() -> None:
            while True:
                client.send(b"x")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        status, _ = await client.refusal()
        dripping.cancel()

    assert status == 408


async def test_a_client_whose_body_we_do_not_read_yet_is_not_cut_off() -> None:
    body = b"b" * 4_000_000
    # Long enough for a pause of the machine between two pieces of the body.
    async with site(body_s=0.5) as server, server.client() as client:
        server.app.may_read.clear()
        client.send(request("/", body))
        await server.app.began.wait()
        # More than twice the limit: nothing else tells that the server did nothing.
        await asyncio.sleep(1.2)
        server.app.may_read.set()

        assert (await client.response())[2] == b"read:" + body


async def test_a_response_may_take_longer_than_every_limit() -> None:
    async with site(head_s=0.1, body_s=0.1) as server, server.client() as client:
        server.app.may_end.clear()
        client.send(request("/", b"abc"))
        assert await client.reader.readuntil(b"read:")
        await asyncio.sleep(0.5)
        server.app.may_end.set()

        assert await client.reader.readexactly(3) == b"abc"
        client.send(request("/again", b"d"))
        assert (await client.response())[2] == b"read:d"


async def test_a_rest_of_a_body_that_nobody_waits_for_does_not_keep_the_connection() -> None:
    async with site(body_s=0.2) as server, server.client() as client:
        client.send(request("/refused", b"x" * 100)[:-50])

        assert (await client.response())[0] == 413
        client.send(b"x")
        await client.end()


async def test_connections_beyond_the_limit_are_told_so_and_the_others_go_on() -> None:
    busy = (503, "The server has too many connections; please try again shortly.")
    with logged() as log:
        async with site(connections=2) as server, server.client() as one, server.client() as two:
            for client in (one, two):
                client.send(request())
                assert (await client.response())[0] == 200
            for _ in range(3):
                async with server.client() as third:
                    assert await third.refusal() == busy
            one.send(request())
            assert (await one.response())[0] == 200

            two.writer.transport.abort()
            await _until_served(server)

    warnings = [record.getMessage() for record in log.records if "connections" in record.msg]
    assert len(warnings) == 1
    assert "ulimit -n" in warnings[0]


async def _until_served(server: Site) -> None:
    """Ask until there is room again: the server notices a client that left when it reads."""
    while True:
        async with server.client() as client:
            client.send(request())
            if (await client.response())[0] == 200:
                return


async def test_a_header_of_100_mb_stalls_nobody() -> None:
    async with site() as server, server.client() as attacker, server.client() as other:
        attacker.send(b"GET / HTTP/1.1\r\nx: ")
        megabyte = b"y" * 1_000_000
        refused = asyncio.create_task(attacker.refusal())
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                attacker.send(megabyte)
                await attacker.writer.drain()
                other.send(request())
                assert (await other.response())[0] == 200
        status, _ = await refused

    assert status == 431
    assert server.app.asked == ["/"] * len(server.app.asked)


def test_the_limits_that_serve_has_are_those_that_the_readme_names() -> None:
    limits = ConnectionLimits()

    assert (limits.head_bytes, limits.url_bytes) == (64 * KIB, 16 * KIB)
    assert (limits.head_s, limits.body_s) == (10.0, 30.0)
    assert issubclass(LimitedConnection, asyncio.Protocol)
