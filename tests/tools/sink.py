"""Where the events of calls go in a test."""

import asyncio
from collections.abc import Sequence

from app.events import Event


class Sink:
    """Collects events, and says when a certain one has come."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    async def emit(self, events: Sequence[Event]) -> None:
        assert events
        self.events += events
        self._changed.set()

    async def until(self, event: Event) -> None:
        while event not in self.events:
            self._changed.clear()
            await self._changed.wait()
