"""Sends the head of a response together with the first bytes of its body.

uvicorn writes them one after the other, and each write is a call of the system and a packet. Here
the head waits for the body until the event loop's next round, and then goes alone: a client that
waits for a slow model has it at once.

Source: uvicorn 0.54, uvicorn/protocols/http/httptools_impl.py (`RequestResponseCycle.send`).
"""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def hold_head(cycle: RequestResponseCycle, loop: asyncio.AbstractEventLoop) -> None:
    """Let the head of the response of ``cycle`` wait for what follows it."""
    cycle.transport = cast(asyncio.Transport, _HeldHead(cycle, loop))


class _HeldHead:
    """Stands before the transport of one response until its head has been written.

    It has what `RequestResponseCycle` uses. What follows the head costs nothing: the cycle has its
    transport back.
    """

    __slots__ = ("_cycle", "_head", "_loop", "_transport")

    def __init__(self, cycle: RequestResponseCycle, loop: asyncio.AbstractEventLoop) -> None:
        self._cycle = cycle
        self._loop = loop
        self._transport = cycle.transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            self._transport.write(self._let_go() + data)
        elif self._cycle.response_started:
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)  # 100 Continue

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            self._transport.write(self._let_go())

    def _let_go(self) -> bytes:
        head, self._head = self._head, b""
        self._cycle.transport = self._transport
        return head
