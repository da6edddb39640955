"""A TCP proxy that a test can slow down, cut off and turn to another server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class SlowProxy:
    """Passes bytes on.

    Attributes:
        port: of 127.0.0.1.
        target: where new connections go.
        delay_s: how much later what a client sends arrives.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.target = target
        self.delay_s = 0.0
        self._writers: set[asyncio.StreamWriter] = set()

    def turn_to(self, target: int) -> None:
        """Cut all connections; new ones go to another port."""
        self.target = target
        for writer in self._writers:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up, down = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, down}
        try:
            await asyncio.gather(
                self._pass(reader, down, is_slow=True), self._pass(up, writer, is_slow=False)
            )
        finally:
            for own in (writer, down):
                own.close()
                self._writers.discard(own)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_slow: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if is_slow and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def slow_proxy(target: int) -> AsyncIterator[SlowProxy]:
    """Serve a proxy until the block is left."""
    proxy = SlowProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.turn_to(9)
        await asyncio.sleep(0)
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__qualname__", "") == "SlowProxy.serve":
                await asyncio.wait((task,), timeout=5)
