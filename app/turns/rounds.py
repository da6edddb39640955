"""Work for the store that is done in rounds, by a task that lives as long as there is some."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from app.cancelling import cancel
from app.errors import StoreUnavailable
from app.seldom_warning import SeldomWarning

logger = logging.getLogger("deltaline.store")


class Rounds:
    """Does a round now and then, again after a failure, and at once for whoever asks.

    Args:
        work: does one; it is told whether it comes by itself, and nobody has asked for it.
        count: of what waits; 0 ends the task.
        every_s: between two rounds that come by themselves, in seconds.
        pause_s: after a failure, for which nobody can ask for a round, in seconds.
        name: of the task.
        complaint: what cannot be done, for the log; says how much waits.
        on_failure: called after each round that has failed.
    """

    def __init__(
        self,
        work: Callable[[bool], Awaitable[None]],
        count: Callable[[], int],
        *,
        every_s: float,
        pause_s: float = 0.0,
        name: str,
        complaint: str,
        on_failure: Callable[[], None],
    ) -> None:
        self._work = work
        self._count = count
        self._every_s = every_s
        self._pause_s = pause_s
        self._name = name
        self._on_failure = on_failure
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._warn = SeldomWarning(logger, complaint)

    @property
    def is_running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def is_awake(self) -> bool:
        """Whether somebody has asked for a round that has not begun."""
        return self._wake.is_set()

    def start(self) -> None:
        """Let the task live, since there is something to do."""
        if not self.is_running:
            self._task = asyncio.create_task(self._run(), name=self._name)

    def wake(self) -> None:
        """Do a round at once."""
        self._wake.set()

    async def finish(self, within_s: float) -> None:
        """Return when nothing waits any more, or the time is up."""
        if self._task is not None and not self._task.done():
            self.wake()
            await asyncio.wait((self._task,), timeout=within_s)

    async def aclose(self) -> None:
        """Do nothing any more."""
        await cancel([self._task])

    async def _run(self) -> None:
        while self._count():
            is_asked = True
            try:
                async with asyncio.timeout(self._every_s):
                    await self._wake.wait()
            except TimeoutError:
                is_asked = False
            self._wake.clear()
            try:
                await self._work(not is_asked)
            except StoreUnavailable as error:
                self._warn(time.monotonic(), self._count())
                logger.debug("the store cannot be used: %s", error.log_text)
            except Exception:
                logger.exception("the store failed by a defect")
            else:
                continue
            self._on_failure()
            await asyncio.sleep(self._pause_s)
