"""Keeps a site from running ahead of its client.

A pause of so many seconds does not make a client see two pieces apart: on a busy machine it sleeps
through the pause and reads both at once. So after a pause the site asks the client's process for a
sign of life, which it gives only after it has handled all that had arrived.
"""

import asyncio
from typing import Protocol

# Shorter pauses only fill the time.
_LEAST_PAUSE_S = 0.03
# A piece may still be on its way through the app when the first round begins.
_ROUNDS = 3


class Writer(Protocol):
    """The client's standard input."""

    def write(self, data: bytes, /) -> None: ...


class Pace:
    """The pace of one client. Without a client, a pause is a pause."""

    def __init__(self) -> None:
        self._client: Writer | None = None
        self._waiting: list[asyncio.Future[None]] = []

    async def pause(self, seconds: float) -> None:
        """Sleep, then wait until the client has handled what the site has sent it."""
        await asyncio.sleep(seconds)
        if seconds >= _LEAST_PAUSE_S:
            for _ in range(_ROUNDS):
                await self._round()

    def begins(self, client: Writer) -> None:
        """Follow ``client``, which answers each byte with one, until it `ends`."""
        self._client = client

    def answered(self, times: int) -> None:
        """Take in that the client has answered so many bytes."""
        answered, self._waiting = self._waiting[:times], self._waiting[times:]
        for waiting in answered:
            if not waiting.done():
                waiting.set_result(None)

    def ends(self) -> None:
        """Wait for nobody any more."""
        self._client = None
        self.answered(len(self._waiting))

    async def _round(self) -> None:
        if self._client is None:
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._client.write(b".")
        await waiting
