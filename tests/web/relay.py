"""A server that hands on every byte to another one, and remembers what browsers sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Relay:
    """A relay at one address.

    Attributes:
        url: of its root, without a slash at the end.
        received: what came on each connection, in the order in which they were opened.
    """

    url: str = ""
    received: list[bytearray] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Cut every connection, as a network does that is lost."""
        for writer in self._writers:
            writer.transport.abort()

    @property
    def bytes(self) -> bytes:
        return b"".join(self.received)


@contextlib.asynccontextmanager
async def relay(target: str) -> AsyncIterator[Relay]:
    """Stand on a port, and so an origin, of its own before the server at ``target``."""
    found = Relay()
    host, port = urlsplit(target).hostname, urlsplit(target).port
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = bytearray()
        found.received.append(seen)
        found._writers.add(writer)
        from_target, to_target = await asyncio.open_connection(host, port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, to_target, seen))
                group.create_task(_copy(from_target, writer, bytearray()))
        except* OSError:
            pass  # The browser closes connections as it likes.
        finally:
            found._writers.discard(writer)
            writer.close()
            to_target.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: bytearray
) -> None:
    while data := await reader.read(65_536):
        seen += data
        writer.write(data)
        await writer.drain()
    writer.write_eof()
