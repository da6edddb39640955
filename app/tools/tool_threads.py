"""The threads in which plain functions run as tools: only so many at once.

A thread cannot be stopped. One whose call is over (its time is up, or its client has left) goes on
and keeps its place until the function returns, so that tools that hang cannot fill the process with
threads. Whoever finds no place waits for one, within the time-out of his call.
"""

import asyncio
import collections
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from app.threads import run_in_thread

T = TypeVar("T")


class ToolThreads:
    """Runs functions in threads. May be shared by event loops.

    Args:
        limit: how many threads there may be at once.
    """

    def __init__(self, limit: int) -> None:
        self._lock = threading.Lock()
        self._free = limit
        # In the order in which they came. Places are free only while nobody waits.
        self._waiting: collections.deque[asyncio.Future[None]] = collections.deque()
        self._hung = 0

    @property
    def hung(self) -> int:
        """How many threads go on although their call is over."""
        return self._hung

    async def run(self, function: Callable[[], T], *, name: str) -> T:
        """Wait for a place, then return what ``function`` returns, or raise what it raises.

        Cancelling stops the waiting, not the thread.

        Args:
            function: may block.
            name: of the thread.
        """
        await self._take_place()
        stay = _Stay()

        def work() -> T:
            stay.has_begun = True
            try:
                return function()
            finally:
                self._leave(stay)

        try:
            return await run_in_thread(work, name=name)
        except Exception:
            if not stay.has_begun:  # the system gave us no thread
                self._leave(stay)
            raise
        finally:
            with self._lock:
                if not stay.is_over:
                    stay.is_hung = True
                    self._hung += 1

    async def _take_place(self) -> None:
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            with self._lock:
                was_waiting = place in self._waiting
                if was_waiting:
                    self._waiting.remove(place)
            if not was_waiting:  # it was given the place at the same moment
                self._give_place()
            raise

    def _leave(self, stay: "_Stay") -> None:
        with self._lock:
            stay.is_over = True
            if stay.is_hung:
                self._hung -= 1
        self._give_place()

    def _give_place(self) -> None:
        """Hand a place to whoever waits longest. Called in any thread."""
        with self._lock:
            while self._waiting:
                place = self._waiting.popleft()
                # A loop that was closed has nobody left who waits.
                with contextlib.suppress(RuntimeError):
                    place.get_loop().call_soon_threadsafe(_settle, place)
                    return
            self._free += 1


class _Stay:
    """One function in its thread."""

    def __init__(self) -> None:
        self.has_begun = False
        self.is_over = False
        self.is_hung = False


def _settle(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_result(None)
