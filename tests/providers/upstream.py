"""A model's server on a real socket. It plays one script per request, byte for byte."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Request:
    """One request as it came; header names in lower case."""

    target: str
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """The server's end of one connection, as a script sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read_request(self) -> Request | None:
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Request(first.split(" ")[1], headers, body)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def start(
        self, status: int = 200, headers: Mapping[str, str] | None = None, *, framing: str = ""
    ) -> None:
        """Send status and headers of a response whose body comes in HTTP chunks."""
        lines = [f"HTTP/1.1 {status} X", framing or "transfer-encoding: chunked"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def finish(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def read_some(self) -> bytes:
        """Return what came since the last read, ``b""`` at the end."""
        return await self._reader.read(65536)

    async def closed_by_client(self) -> None:
        """Return as soon as the client has closed the connection."""
        try:
            while await self._reader.read(65536):
                pass
        except ConnectionError:
            pass

    def close(self) -> None:
        self._writer.close()

    def end(self) -> None:
        """Send no more, and go on reading."""
        self._writer.write_eof()

    def abort(self) -> None:
        """Close the socket as it is: over TLS without a goodbye, and without what is unsent."""
        self._writer.transport.abort()

    @property
    def tls(self) -> ssl.SSLObject | None:
        found: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return found

    def reset(self) -> None:
        """Close the connection with a reset instead of an orderly end."""
        linger = struct.pack("ii", 1, 0)  # on, for no time
        self._set_option(socket.SO_LINGER, linger)
        self.abort()

    def hold_little(self) -> None:
        """Let the kernel buffer little of what is sent: the rest of it waits for the client."""
        self._set_option(socket.SO_SNDBUF, 65536)

    def _set_option(self, option: int, value: int | bytes) -> None:
        connection: socket.socket = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, option, value)


Script: TypeAlias = Callable[[Connection], Awaitable[None]]


def respond(*pieces: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Script:
    """Return a script that sends a whole response, each piece as a write and an HTTP chunk."""

    async def play(connection: Connection) -> None:
        await connection.start(status, headers)
        for piece in pieces:
            await connection.chunk(piece)
        await connection.finish()

    return play


async def hang_up(connection: Connection) -> None:
    """A script: close the connection without a response."""
    connection.abort()


async def settled() -> None:
    """Let the event loop handle what has arrived at its sockets by now.

    It takes a reset in the third iteration after the bytes before it; no clock is involved.
    """
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class Upstream:
    """What the server has seen."""

    url: str = ""
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def serve(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Run the server; ``url`` is a base URL. After the last script it hangs up on requests."""
    upstream = Upstream()
    waiting = list(scripts)

    async def play(connection: Connection) -> None:
        while (request := await connection.read_request()) is not None:
            upstream.requests.append(request)
            await (waiting.pop(0) if waiting else hang_up)(connection)

    async with _listening(play, upstream, tls):
        yield upstream


@asynccontextmanager
async def accept(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Run a server that plays a script per connection, before any request is read.

    After the last script it hangs up on connections.
    """
    upstream = Upstream()
    waiting = list(scripts)

    async def play(connection: Connection) -> None:
        await (waiting.pop(0) if waiting else hang_up)(connection)

    async with _listening(play, upstream, tls):
        yield upstream


@asynccontextmanager
async def _listening(
    script: Script, upstream: Upstream, tls: ssl.SSLContext | None
) -> AsyncIterator[None]:
    tasks: set[asyncio.Task[None]] = set()

    async def play(connection: Connection) -> None:
        try:
            await script(connection)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            connection.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream.connections += 1
        task = asyncio.ensure_future(play(Connection(reader, writer)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    upstream.url = f"http{'s' if tls else ''}://127.0.0.1:{upstream.port}/v1"
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
