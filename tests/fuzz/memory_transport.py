"""A connection without a network: bytes handed to a protocol, and those that it writes."""

import asyncio
from collections.abc import Iterable
from typing import Any


class MemoryTransport(asyncio.Transport):
    """The transport of one connection.

    Attributes:
        written: what the protocol has sent.
    """

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self._protocol = protocol
        self._is_closing = False
        self.written = bytearray()
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        if not self._is_closing:
            self.written += data

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_reading(self) -> bool:
        return not self._is_closing

    def get_write_buffer_size(self) -> int:
        return 0

    async def send(self, reads: Iterable[bytes]) -> None:
        """Let the protocol receive ``reads`` one by one, then the end of the stream."""
        protocol = self._protocol
        assert isinstance(protocol, asyncio.Protocol)
        for data in reads:
            if self._is_closing:
                return
            if data:
                protocol.data_received(data)
                await turns_of_the_loop(3)
        if not self._is_closing and not protocol.eof_received():
            self.close()


async def turns_of_the_loop(count: int) -> None:
    """Let everything that is ready run, ``count`` times."""
    for _ in range(count):
        await asyncio.sleep(0)
