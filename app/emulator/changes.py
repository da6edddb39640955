"""Lets tasks wait for a condition on another object's state."""

import asyncio
from collections.abc import Callable


class Changes:
    """Wakes the tasks that wait for a condition on the owner's state.

    The owner calls `notify` after each change. No change is queued and none is lost, since every
    waiter checks the state itself.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Make every waiting task check its condition again."""
        # `set` resolves the futures of all present waiters, so the event can be cleared at once.
        self._event.set()
        self._event.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition()`` is true; return at once if it already is."""
        while not condition():
            await self._event.wait()
