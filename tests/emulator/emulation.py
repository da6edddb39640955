"""Runs the emulator with test functions, and shows what it does."""

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from app.aws.event_stream import EventDecoder, PayloadChunk, StreamEvent
from app.emulator.changes import Changes
from app.emulator.options import Options
from app.emulator.output import Console
from app.emulator.program import Emulator
from app.emulator.server import HttpServer, Respond

FUNCTIONS = Path(__file__).parent / "functions"
RAW = (sys.executable, str(FUNCTIONS / "raw.py"))
NODE = ("node", str(FUNCTIONS / "streaming.mjs"))
# Our own runtime, with a handler that `OUR_VARIABLES` names.
OURS = (str(Path(__file__).parents[2] / "bootstrap"),)
OUR_VARIABLES = {"_HANDLER": "tests.emulator.functions.gated:handler"}

INVOKE = "/2015-03-31/functions/function/invocations"
STREAM = "/2021-11-15/functions/function/response-streaming-invocations"
URL = "/api/chat?a=1"
ADDRESSES = (INVOKE, STREAM, URL)

# Longer than anything that works takes on a busy machine; only a failing test waits this long.
PATIENCE_S = 60.0


class _Log(io.StringIO):
    """A log that can be waited on."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = Changes()

    def write(self, text: str) -> int:
        self.changes.notify()
        return super().write(text)


class Running:
    """A running emulator and its log."""

    def __init__(self, url: str, log: _Log) -> None:
        self.url = url
        self._log = log

    @property
    def log(self) -> str:
        return self._log.getvalue()

    async def logged(self, text: str, count: int = 1) -> str:
        """Wait until the log holds ``text`` that many times, and return it."""
        async with asyncio.timeout(PATIENCE_S):
            await self._log.changes.until(lambda: self.log.count(text) >= count)
        return self.log


@contextlib.asynccontextmanager
async def emulator(command: tuple[str, ...] = RAW, **options: Any) -> AsyncIterator[Running]:
    """Run the emulator in this event loop, on a free port."""
    variables = {**os.environ, **options.pop("variables", {})}
    log = _Log()
    chosen = Options(command=command, port=0, variables=variables, **options)
    async with Emulator(chosen, Console(log, colour=False)) as running:
        yield Running(running.url, log)


@contextlib.asynccontextmanager
async def posting(
    running: Running, path: str, order: object, headers: dict[str, str] | None = None
) -> AsyncIterator[httpx2.Response]:
    """Post an order to one of the addresses; inside, the head of the response has arrived."""
    async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        request = client.stream("POST", running.url + path, json=order, headers=headers)
        async with request as response:
            yield response


async def post(
    running: Running, path: str, order: object, headers: dict[str, str] | None = None
) -> httpx2.Response:
    """Post an order and return the whole response."""
    async with posting(running, path, order, headers) as response:
        await response.aread()
        return response


async def events_of(response: httpx2.Response) -> list[StreamEvent]:
    """Return all events of an `InvokeWithResponseStream` response."""
    decoder = EventDecoder()
    events = decoder.feed(await response.aread())
    decoder.close()
    return events


def payload_of(events: list[StreamEvent]) -> bytes:
    return b"".join(event.payload for event in events if isinstance(event, PayloadChunk))


@contextlib.asynccontextmanager
async def http_server(
    respond: Respond, *, idle_timeout_s: float | None = None
) -> AsyncIterator[tuple[HttpServer, int]]:
    """Run the emulator's HTTP server alone; gives it and its port."""
    server = HttpServer(respond, idle_timeout_s=idle_timeout_s)
    port = await server.start("127.0.0.1")
    try:
        yield server, port
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a raw connection; nothing inside may take longer than `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class Gate:
    """Makes a function wait before each chunk until it is released."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._writers: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self._open: list[asyncio.StreamWriter] = []
        self.port = 0

    async def __aenter__(self) -> "Gate":
        async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.put_nowait(writer)

        self._server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def arrival(self) -> None:
        """Wait until a function has connected to the gate."""
        async with asyncio.timeout(PATIENCE_S):
            self._open.append(await self._writers.get())

    async def release_all(self) -> None:
        """Release one chunk of every function."""
        for writer in self._open:
            writer.write(b"\n")
            await writer.drain()

    async def release(self) -> None:
        """Release one chunk of the function that connected last."""
        self._open[-1].write(b"\n")
        await self._open[-1].drain()


def report_of(response: httpx2.Response) -> dict[str, Any]:
    """Read the response to ``{"do": "report"}``."""
    known: dict[str, Any] = json.loads(response.content)
    return known


async def probe(running: Running, *requests: list[object]) -> list[tuple[int, Any]]:
    """Let the runtime send these requests during an invocation; return status and body of each."""
    response = await post(running, INVOKE, {"do": "probe", "requests": requests})
    return [(status, json.loads(body)) for status, body in response.json()]
