"""Responses whose framing breaks in the middle, in every order of arrival.

For whoever reads HTTP from a server that we call: the openers and `RemoteTool`. A body begins with
good data in a good chunk, and then comes a fault. What the server does with the connection after it
is the reader's affair no more.
"""

import asyncio
from collections.abc import Mapping
from itertools import product
from typing import Literal, TypeAlias

from tests.providers.upstream import Connection

# What a fault is made of. Each ends the body; only the last is not to blame on the body.
FAULTS: Mapping[str, bytes] = {
    "no chunk size": b"\r\nhello\r\n",
    "a chunk size that is no number": b"ZZ\r\nhello\r\n",
    "a negative chunk size": b"-5\r\nhello\r\n",
    "a chunk size in the notation of C": b"0x5\r\nhello\r\n",
    "a chunk size with a space in it": b"5 5\r\nhello\r\n",
    "a chunk size of 72 bits": b"ffffffffffffffffff\r\nhello\r\n",
    "a chunk that goes on after its size": b"3\r\nabcdefghi\r\n",
    "a chunk without its line end": b"3\r\nabc5\r\nhello\r\n",
    "a NUL in a chunk's line": b"5\0\r\nhello\r\n",
    "chunk extensions without end": b"5;" + b"x" * 1_000_000,
    "a trailer that is no header": b"0\r\nno colon here\r\n\r\n",
    "garbage after the last chunk": b"0\r\n\r\ngarbage\r\n\r\n",
}
# Here the body is whole before the fault comes.
BODY_IS_WHOLE = "garbage after the last chunk"

Arrival: TypeAlias = Literal["in one segment", "byte by byte", "after a pause"]
Afterwards: TypeAlias = Literal["close", "reset", "stay open"]
ORDERS: list[tuple[Arrival, Afterwards]] = list(
    product(("in one segment", "byte by byte", "after a pause"), ("close", "reset", "stay open"))
)


class BrokenResponse:
    """A server whose response breaks.

    Attributes:
        good_was_read: to be set by the reader; the fault waits for it in "after a pause".
        is_closed: set when the connection is closed, by the client if the server stays open.
    """

    def __init__(self, good: bytes, fault: bytes, arrival: Arrival, afterwards: Afterwards) -> None:
        self._good = b"%x\r\n%b\r\n" % (len(good), good)
        self._fault = fault
        self._arrival = arrival
        self._afterwards = afterwards
        self.good_was_read = asyncio.Event()
        self.is_closed = asyncio.Event()

    async def play(self, connection: Connection) -> None:
        """Be the script of a model's server."""
        try:
            await self._send(connection)
            await self._end(connection)
        finally:  # the client may close it before all is sent
            self.is_closed.set()

    async def _send(self, connection: Connection) -> None:
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        match self._arrival:
            case "in one segment":
                await connection.send(head + self._good + self._fault)
            case "byte by byte":
                data = head + self._good + self._fault[:100]
                for place in range(len(data)):
                    await connection.send(data[place : place + 1])
                    await asyncio.sleep(0)
                await connection.send(self._fault[100:])
            case "after a pause":
                await connection.send(head + self._good)
                await self.good_was_read.wait()
                await connection.send(self._fault)

    async def _end(self, connection: Connection) -> None:
        match self._afterwards:
            case "close":
                connection.close()
            case "reset":
                connection.reset()
            case "stay open":
                await connection.closed_by_client()
