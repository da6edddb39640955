"""Which connections wait for the next request, and for how long; does no I/O.

The one that was used last is used next, so that those that a quiet time does not need grow old
together and are closed.
"""

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

# Seconds. A connection that has been silent for long may have been forgotten by something on its
# way (a NAT, a load balancer) without a word; a request on it would wait for the read time-out.
IDLE_S = 15.0
# Each takes a descriptor; more do not become idle at once, unless as many turns end at once.
MAX_IDLE = 256
# What `idle_time_s` looks at.
IDLE_HEADERS = ("keep-alive",)
# What a request needs to arrive before the server closes, in seconds.
_MARGIN_S = 1.0

_TIMEOUT = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?([0-9]{1,9})(?![0-9])", re.IGNORECASE)

C = TypeVar("C")


class IdleConnections(Generic[C]):
    """Idle connections of one opener, to one server. Times are monotonic, in seconds."""

    def __init__(self) -> None:
        # In the order of their last use; the value is when each becomes too old.
        self._expiry: dict[C, float] = {}

    def __len__(self) -> int:
        return len(self._expiry)

    def put(self, connection: C, now: float, idle_s: float) -> C | None:
        """Keep ``connection`` for ``idle_s`` seconds; return one that has to be closed for it."""
        if idle_s <= 0:
            return connection
        self._expiry[connection] = now + idle_s
        return self._pop_oldest() if len(self._expiry) > MAX_IDLE else None

    def take(self, now: float) -> C | None:
        """Return the connection to use next, None if a new one is needed.

        Those that are too old stay until `expired` hands them out.
        """
        for connection, expiry in reversed(self._expiry.items()):
            if expiry > now:
                del self._expiry[connection]
                return connection
        return None

    def expired(self, now: float) -> list[C]:
        """Return the connections that are too old, which are no longer kept."""
        old = [connection for connection, expiry in self._expiry.items() if expiry <= now]
        for connection in old:
            del self._expiry[connection]
        return old

    def next_expiry(self) -> float | None:
        """Return when the next connection becomes too old; None if there is none."""
        return min(self._expiry.values(), default=None)

    def discard(self, connection: C) -> None:
        """Forget a connection that has been closed."""
        self._expiry.pop(connection, None)

    def _pop_oldest(self) -> C:
        oldest = next(iter(self._expiry))
        del self._expiry[oldest]
        return oldest


def idle_time_s(headers: Mapping[str, str], longest_s: float = IDLE_S) -> float:
    """Return how long the connection of a response may be idle, in seconds; 0 if not at all.

    The server may say when it closes it: ``Keep-Alive: timeout=5``.
    """
    told = _TIMEOUT.search(headers.get("keep-alive", ""))
    return longest_s if told is None else max(0.0, min(longest_s, float(told[1]) - _MARGIN_S))
