"""A server before another one that cuts responses off after some bytes of their bodies.

``/cut/TAG/BYTES/TIMES/…`` is ``/…`` of the other server. The first TIMES connections that name TAG
are cut.
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

_CUT = re.compile(rb"^(\S+) /cut/([^/]+)/(\d+)/(\d+)(/\S*)")


class CuttingRelay:
    """The relay; ``cuts`` says how often it has cut for each tag."""

    def __init__(self, target: str) -> None:
        place = urlsplit(target)
        self._host, self._port = place.hostname, place.port
        self.cuts: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, for one request only."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            found = _CUT.match(head)
            assert found is not None, head
            method, tag, most, times, path = found.groups()
            head = head.replace(found[0], method + b" " + path, 1)
            head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
            head = head.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
            up, down = await asyncio.open_connection(self._host, self._port)
            try:
                down.write(head)
                copying = asyncio.create_task(_copy(reader, down))
                is_cut = self.cuts[tag.decode()] < int(times)
                if await self._answer(up, writer, int(most) if is_cut else None):
                    self.cuts[tag.decode()] += 1
                    writer.transport.abort()
                copying.cancel()
            finally:
                down.close()
        writer.close()

    async def _answer(
        self, up: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None
    ) -> bool:
        """Pass the response on; return whether it was cut."""
        writer.write(await up.readuntil(b"\r\n\r\n"))
        while data := await up.read(65_536):
            if most is not None:
                data = data[:most]
                most -= len(data)
            writer.write(data)
            await writer.drain()
            if most == 0:
                # What was sent has to arrive before the connection is reset.
                await asyncio.sleep(0.01)
                return True
        return False


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def cutting_relay(target: str) -> AsyncIterator[tuple[CuttingRelay, str]]:
    """Serve a relay until the block is left; gives it and its URL."""
    relay = CuttingRelay(target)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(relay.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield relay, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
