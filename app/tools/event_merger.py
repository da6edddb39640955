"""Merges the events of calls that run side by side into one ordered stream.

Calls post events from the event loop and from threads. Nothing follows the last event of a call,
not even from a thread that was left behind: that is what the lock is for.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from app.events import Emit, Event

# Statuses that may wait for a slow client before the oldest ones are dropped.
MAX_WAITING = 1000


class EventMerger:
    """Collects the events of some calls until each call has ended.

    Args:
        calls: the ids of the calls.
        max_waiting: how many offered events may wait before the oldest ones are dropped.
    """

    def __init__(self, calls: Iterable[str], *, max_waiting: int = MAX_WAITING) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._changed = asyncio.Event()
        self._open = set(calls)
        # By the order in which they came.
        self._events: dict[int, Event] = {}
        self._count = 0
        # Of each call, which of the waiting events may be dropped.
        self._offered: dict[str, deque[int]] = {}
        self._offers = 0
        self._senders: list[asyncio.Future[None]] = []
        self._max_waiting = max_waiting

    def offer(self, tool_call_id: str, event: Event) -> None:
        """Post ``event`` unless its call has ended. If too many wait, the oldest one is dropped.

        May be called in any thread.
        """
        with self._lock:
            if tool_call_id not in self._open:
                return
            offered = self._offered.setdefault(tool_call_id, deque())
            if self._offers >= self._max_waiting:
                # Who says much loses his own.
                crowd = offered or max(self._offered.values(), key=len)
                del self._events[crowd.popleft()]
            else:
                self._offers += 1
            offered.append(self._post(event))
            # Inside the lock: the loop cannot be closed while a call is open.
            self._loop.call_soon_threadsafe(self._changed.set)

    async def send(self, tool_call_id: str, event: Event) -> None:
        """Post ``event`` and wait until it has been emitted, so that the call runs no faster."""
        sent = self._loop.create_future()
        with self._lock:
            if tool_call_id not in self._open:
                return
            self._post(event)
            self._senders.append(sent)
        self._changed.set()
        await sent

    def end(self, tool_call_id: str, last: Event | None = None) -> None:
        """Post the last event of a call, if it has one, and accept no more from the call."""
        with self._lock:
            self._open.discard(tool_call_id)
            if last is not None:
                self._post(last)
        self._changed.set()

    def close(self) -> None:
        """Accept no more events from any call."""
        with self._lock:
            self._open.clear()

    async def forward(
        self,
        emit: Emit,
        *,
        idle_s: float | None = None,
        on_idle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Emit the events, one ``emit`` at a time; return when every call has ended.

        Args:
            idle_s: ``on_idle`` is awaited after this many seconds without an event.
        """
        while True:
            self._changed.clear()
            with self._lock:
                events, self._events = list(self._events.values()), {}
                self._offered, self._offers = {}, 0
                senders, self._senders = self._senders, []
                is_over = not self._open
            if events:
                await emit(events)
            for sent in senders:
                if not sent.done():
                    sent.set_result(None)
            if is_over:
                return
            while not await self._wait(idle_s):
                if on_idle is not None:
                    await on_idle()

    def _post(self, event: Event) -> int:
        self._count += 1
        self._events[self._count] = event
        return self._count

    async def _wait(self, timeout_s: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True
