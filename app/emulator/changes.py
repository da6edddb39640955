"""A state that several tasks wait on."""

import asyncio
from collections.abc import Callable


class Changes:
    """Wakes whoever waits for a condition on the owner's state.

    The owner calls `notify` after each change; nothing is queued and nothing is lost, since every
    waiter looks at the state itself.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        # `set` resolves the futures of all who wait now, so the event can be reused at once.
        self._event.set()
        self._event.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._event.wait()
