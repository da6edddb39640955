"""What the application is told when a turn is over: in tasks, since no client waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger("deltaline.turn")

# How long the application's functions may go on when the server ends, in seconds.
LAST_CALLS_S = 5.0


class Afterwards:
    """Calls the application's functions. What they raise is logged and harms nobody.

    Args:
        last_calls_s: how long they may go on when the server ends, in seconds.
    """

    def __init__(self, *, last_calls_s: float = LAST_CALLS_S) -> None:
        self._last_calls_s = last_calls_s
        self._running: set[asyncio.Task[None]] = set()

    def tell(self, name: str, call: Callable[[], Awaitable[None] | None]) -> None:
        """Call ``call``, and wait in a task for what it returns.

        Args:
            name: of the function, for the log.
        """
        task = asyncio.create_task(_call(name, call), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def settled(self, within_s: float) -> None:
        """Wait until all have ended that run now, or the time is up."""
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=within_s)

    async def aclose(self) -> None:
        """Wait for those that still run, and cancel those that do not end in time."""
        await self.settled(self._last_calls_s)
        for task in tuple(self._running):
            logger.error("%s did not end in time", task.get_name())
            task.cancel()


async def _call(name: str, call: Callable[[], Awaitable[None] | None]) -> None:
    try:
        told = call()
        if told is not None:
            await told
    # A task that ends by SystemExit would end the event loop.
    except (Exception, SystemExit):
        # The client has its answer: what became of it afterwards concerns the operator only.
        logger.exception("%s failed", name)
