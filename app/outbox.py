"""The way of frames from a turn, which pushes, to its response, which pulls.

The turn may be ahead of a slow client only by `high_water_bytes`; then `put` waits, and with it the
reading from the model, so that memory stays constant however long the answer is.
"""

import asyncio
from collections.abc import Callable
from typing import Self

HIGH_WATER_BYTES = 256 * 1024


class Outbox:
    """Frames of one turn, with one writer and one reader.

    All that is waiting when the reader comes leaves as one chunk. When nothing was sent for
    ``keep_alive_s`` seconds, `keep_alive` bytes are.

    Args:
        keep_alive_s: longest silence, in seconds.
        keep_alive: makes the bytes of a keep-alive; none are sent while it returns ``b""``.
        high_water_bytes: how much may wait before `put` does.
    """

    def __init__(
        self,
        *,
        keep_alive_s: float,
        keep_alive: Callable[[], bytes],
        high_water_bytes: int = HIGH_WATER_BYTES,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._frames: list[bytes] = []
        self._waiting_bytes = 0
        self._high_water_bytes = high_water_bytes
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._closed = False
        self._keep_alive_s = keep_alive_s
        self._keep_alive = keep_alive
        self._last_sent = self._loop.time()
        self._timer = self._loop.call_later(keep_alive_s, self._on_timer)

    async def put(self, frame: bytes) -> None:
        """Hand over ``frame`` and wait while the client is too far behind. ``b""`` is dropped."""
        if not frame or self._closed:
            return
        self._push(frame)
        while self._waiting_bytes > self._high_water_bytes and not self._closed:
            self._writer = self._loop.create_future()
            await self._writer

    def close(self) -> None:
        """Say that no frame follows (or that nobody reads any more). Idempotent."""
        self._closed = True
        self._timer.cancel()
        _wake(self._reader)
        _wake(self._writer)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return everything that waits, as one chunk of at least one byte."""
        while not self._frames:
            if self._closed:
                raise StopAsyncIteration
            self._reader = self._loop.create_future()
            await self._reader
        chunk = self._frames[0] if len(self._frames) == 1 else b"".join(self._frames)
        self._frames.clear()
        self._waiting_bytes = 0
        self._last_sent = self._loop.time()
        _wake(self._writer)
        return chunk

    def _push(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._waiting_bytes += len(frame)
        _wake(self._reader)

    def _on_timer(self) -> None:
        # One timer for the whole stream, moved only when it fires: a token costs no timer.
        quiet_s = self._loop.time() - self._last_sent
        if quiet_s >= self._keep_alive_s:
            frame = self._keep_alive()
            if frame and not self._frames:
                self._push(frame)
            quiet_s = 0.0
        self._timer = self._loop.call_later(self._keep_alive_s - quiet_s, self._on_timer)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
