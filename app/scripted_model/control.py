"""How a test observes and steers the scripted model: its requests, its streams, its gates."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec


class RecordedRequest(msgspec.Struct, frozen=True):
    """A request as received. Header names are lower-case; ``body`` is None unless it is JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    body: Any


class Gate:
    """A place in a script where the model waits until a test opens it."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether scripts pass. No gate is closed again."""
        return self._opened.is_set()

    async def reached(self) -> None:
        """Return as soon as a script waits, or has waited, at this gate."""
        await self._reached.wait()

    def open(self) -> None:
        """Let every script pass, now and later."""
        self._opened.set()

    async def pass_through(self) -> None:
        """Wait until the gate is open. Called by the script."""
        self._reached.set()
        await self._opened.wait()


class Control:
    """Observes and steers one scripted model, from within its event loop.

    Args:
        keep: how many requests.
        pause: waits before a token for the seconds it is given.

    Attributes:
        requests: the latest requests, oldest first, at most ``keep``.
        received: how many requests have come at all.
        open_streams: scripts being played now, streamed or not.
        left_by_client: scripts whose client disconnected before the end.
    """

    def __init__(
        self, *, keep: int = 100, pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self.requests: deque[RecordedRequest] = deque(maxlen=keep)
        self.received = 0
        self.open_streams = 0
        self.left_by_client = 0
        self.pause = pause
        self._closing = False
        self._gates: dict[str, Gate] = {}
        self._changed = asyncio.Event()

    def gate(self, name: str) -> Gate:
        """Return the gate of this name; create it if need be."""
        return self._gates.setdefault(name, Gate())

    async def until(self, condition: Callable[["Control"], bool]) -> None:
        """Return as soon as ``condition`` holds. It is checked again after every change.

        >>> await control.until(lambda seen: seen.open_streams == 0)
        """
        while not condition(self):
            await self._changed.wait()

    async def client_left(self, times: int = 1) -> None:
        """Return as soon as ``times`` scripts were left by their client before the end."""
        await self.until(lambda seen: seen.left_by_client >= times)

    def attempts(self, request: RecordedRequest) -> int:
        """Return how many of the recorded requests have this body."""
        return sum(earlier.raw == request.raw for earlier in self.requests)

    def record(self, request: RecordedRequest) -> None:
        """Record a request. Called by the server."""
        self.requests.append(request)
        self.received += 1
        self._notify()

    def opened(self) -> None:
        """Count a script that begins. Called by the server."""
        self.open_streams += 1
        self._notify()

    def closed(self, *, left: bool) -> None:
        """Count a script that is over. Called by the server."""
        self.open_streams -= 1
        self.left_by_client += left and not self._closing
        self._notify()

    def close(self) -> None:
        """Count no more clients as leaving: the server is closing. Called by the server."""
        self._closing = True

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
