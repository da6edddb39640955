"""Clients that do not read, or read slowly, over real sockets with small buffers."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.connection_limits import ConnectionLimits, limited_protocol
from app.http.unread import UnreadWatch
from app.main import create_lean_app
from app.settings import Settings
from app.tools import ToolContext, tool
from tests.chatting import data_body, logged
from tests.providers.upstream import Connection, serve

UNREAD_S = 0.5
MIB = 2**20


@contextlib.asynccontextmanager
async def served(app: ASGIApp, *, unread_s: float | None = UNREAD_S) -> AsyncIterator[int]:
    """Serve ``app`` on a socket that takes few bytes; give its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
    config = uvicorn.Config(
        app,
        http=limited_protocol(ConnectionLimits(unread_s=unread_s)),
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def connected(
    port: int, path: str, body: object
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Post ``body`` on a connection that takes few bytes before it is read from."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1024)
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


class Flood:
    """A model that never stops talking, and whether it was left."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def play(self, connection: Connection) -> None:
        await connection.start(200, {"content-type": "text/event-stream"})
        delta = {"choices": [{"index": 0, "delta": {"content": "x" * 4000}}]}
        with contextlib.suppress(ConnectionError):
            while True:
                await connection.chunk(f"data: {json.dumps(delta)}\n\n".encode())
                await asyncio.sleep(0)
        self.left.set()


@tool
async def talk(ctx: ToolContext) -> str:
    """Send statuses for ever."""
    while True:
        ctx.send_status("x" * 4000)
        await asyncio.sleep(0)


@pytest.mark.parametrize("protocol", ["data", "ui", "ndjson", "text"])
async def test_a_turn_whose_client_does_not_read_ends_as_one_whose_client_left(
    protocol: str,
) -> None:
    flood = Flood()
    with logged() as log:
        async with serve(flood.play) as upstream:
            app = create_lean_app(Settings(openai_base_url=upstream.url))
            async with (
                served(app) as port,
                connected(port, f"/api/chat?protocol={protocol}", data_body("Hello")),
            ):
                line = await log.request()
                await flood.left.wait()
                assert len(app.state.turns) == 0

    assert line["client_left"] is True


async def test_a_tool_whose_client_does_not_read_is_cancelled() -> None:
    with logged() as log:
        async with (
            served(create_lean_app(Settings(), tools=[talk])) as port,
            connected(port, "/invoke", {"args": {}}),
        ):
            line = await log.request()

    assert line["client_left"] is True


class Whole:
    """An app that sends one large body at once, and when it was told that its client left."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sent = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", str(self.size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * self.size})
        self.sent.set()


# The smaller one fits into uvicorn's buffer, so that no write waits for its client.
@pytest.mark.parametrize("size", [8 * MIB, 50_000])
async def test_a_whole_response_that_nobody_reads_is_cut(size: int) -> None:
    app = Whole(size)
    async with served(app) as port, connected(port, "/", {}) as (reader, _):
        await app.sent.wait()
        await asyncio.sleep(UNREAD_S * 4)  # the client does not read: nothing to wait for

        received = 0
        with contextlib.suppress(ConnectionResetError):
            while data := await reader.read(65536):
                received += len(data)

    assert received < size


@pytest.mark.parametrize("size", [300_000])
async def test_a_client_that_reads_slowly_gets_everything(size: int) -> None:
    app = Whole(size)
    began = time.monotonic()
    async with served(app) as port, connected(port, "/", {}) as (reader, _):
        await reader.readuntil(b"\r\n\r\n")
        received = 0
        while received < size:
            received += len(await reader.read(4096))
            await asyncio.sleep(UNREAD_S / 15)  # so that it takes several times UNREAD_S

    assert received == size
    assert time.monotonic() - began > UNREAD_S * 3


async def test_without_a_limit_a_client_may_rest() -> None:
    app = Whole(MIB)
    async with served(app, unread_s=None) as port, connected(port, "/", {}) as (reader, _):
        await app.sent.wait()
        await asyncio.sleep(UNREAD_S * 2)
        await reader.readuntil(b"\r\n\r\n")

        assert len(await reader.readexactly(MIB)) == MIB


class FakeTransport(asyncio.Transport):
    """A transport whose buffer a test fills."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 100
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.aborted.set()


async def test_a_connection_that_writes_freely_again_is_left_alone() -> None:
    transport = FakeTransport()
    watch = UnreadWatch(transport, 0.01, may_grow=lambda: True)

    watch.start()
    watch.start()
    await asyncio.sleep(0.1)

    assert not transport.aborted.is_set()
    watch.close()


async def test_after_a_pause_the_watch_begins_anew() -> None:
    transport = FakeTransport()
    watch = UnreadWatch(transport, 0.01, may_grow=lambda: False)

    watch.start()
    watch.stop()
    await asyncio.sleep(0.05)
    assert not transport.aborted.is_set()
    watch.start()
    await transport.aborted.wait()

    watch.close()
