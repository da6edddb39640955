"""The one way out of calls that run side by side: events from any thread, sent on in order.

Each call posts its statuses and at last its answer. Nothing of a call comes after its answer, not
even from a thread that was given up: that is what the lock is for.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable

from app.events import Emit, Event

# Events that may wait for a slow client before statuses are dropped.
MAX_WAITING = 1000


class Outlet:
    """Collects the events of some calls until each of them is answered.

    Args:
        calls: the ids of the calls.
    """

    def __init__(self, calls: Iterable[str], *, max_waiting: int = MAX_WAITING) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._changed = asyncio.Event()
        self._open = set(calls)
        self._events: list[Event] = []
        self._senders: list[asyncio.Future[None]] = []
        self._max_waiting = max_waiting

    def offer(self, tool_call_id: str, event: Event) -> None:
        """Post ``event`` unless its call is over, or too much is waiting already.

        May be called in any thread.
        """
        with self._lock:
            if tool_call_id not in self._open or len(self._events) >= self._max_waiting:
                return
            self._events.append(event)
            # Inside the lock: the loop cannot be closed while a call is open.
            self._loop.call_soon_threadsafe(self._changed.set)

    async def send(self, tool_call_id: str, event: Event) -> None:
        """Post ``event`` and wait until it was sent on, so that its maker runs no faster."""
        sent = self._loop.create_future()
        with self._lock:
            if tool_call_id not in self._open:
                return
            self._events.append(event)
            self._senders.append(sent)
        self._changed.set()
        await sent

    def answer(self, tool_call_id: str, event: Event) -> None:
        """Post the answer of a call, which is over with that."""
        with self._lock:
            self._open.discard(tool_call_id)
            self._events.append(event)
        self._changed.set()

    def end(self, tool_call_id: str) -> None:
        """Say that a call is over without an event."""
        with self._lock:
            self._open.discard(tool_call_id)
        self._changed.set()

    def close(self) -> None:
        """Take nothing more from anybody."""
        with self._lock:
            self._open.clear()

    async def drain(
        self,
        emit: Emit,
        *,
        idle_s: float | None = None,
        on_idle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Send everything on, one ``emit`` at a time; return when every call is over.

        Args:
            idle_s: after so many seconds without an event ``on_idle`` is awaited.
        """
        while True:
            self._changed.clear()
            with self._lock:
                events, self._events = self._events, []
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

    async def _wait(self, timeout_s: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True
