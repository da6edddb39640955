"""Tells those who wait in this process that the server stops."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from app.turns.errors import ServerStopping

# How long they may go on then, in seconds: a turn of this process that is stopped has to be
# written, and its end read.
LAST_MOMENT_S = 0.7


class Stopping:
    """Whether the server stops."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._until: float | None = None
        self._limits: set[asyncio.Timeout] = set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    @property
    def left_s(self) -> float:
        """For how long those who wait may go on, in seconds."""
        if self._until is None:
            return float("inf")
        return self._until - asyncio.get_running_loop().time()

    def set(self) -> None:
        """Let nobody wait for longer than `LAST_MOMENT_S` from now on. The first call counts."""
        if self._until is not None:
            return
        self._until = asyncio.get_running_loop().time() + LAST_MOMENT_S
        self._event.set()
        for limit in self._limits:
            limit.reschedule(self._until)

    async def wait(self) -> None:
        """Return when the server stops."""
        await self._event.wait()

    @contextlib.asynccontextmanager
    async def heeded(self) -> AsyncIterator[None]:
        """Give up what is done within the block when the server stops, after the last moment.

        Raises:
            ServerStopping: it was given up.
        """
        limit = asyncio.timeout_at(self._until)
        try:
            async with limit:
                self._limits.add(limit)
                try:
                    yield
                finally:
                    self._limits.discard(limit)
        except TimeoutError:
            if not limit.expired():
                raise
            raise ServerStopping("the server stops while a request waits for the store") from None
