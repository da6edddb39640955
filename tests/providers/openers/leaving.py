"""What a request leaves behind: tasks, timers and sockets of this process."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

# The two ends of a connection in the tests, and the listeners, are all in this process.
_DESCRIPTORS = next((path for path in ("/proc/self/fd", "/dev/fd") if os.path.isdir(path)), None)


def _sockets() -> Sequence[str]:
    found = []
    for number in os.listdir(_DESCRIPTORS) if _DESCRIPTORS else ():
        with suppress(OSError):
            if (target := os.readlink(f"{_DESCRIPTORS}/{number}")).startswith("socket:"):
                found.append(target)
    return found


def _timers() -> list[Any]:
    """Return the timers of asyncio's own loop; uvloop does not show its."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in getattr(loop, "_scheduled", ()) if not timer.cancelled()]


class Leaving:
    """What there is when this is made; only the same may be there in the end."""

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks()
        self._timers = set(map(id, _timers()))
        self._sockets = set(_sockets())

    def _left(self) -> list[object]:
        return [
            *(task for task in asyncio.all_tasks() - self._tasks),
            *(timer for timer in _timers() if id(timer) not in self._timers),
            *(name for name in _sockets() if name not in self._sockets),
        ]

    async def is_nothing(self) -> None:
        """Wait until nothing more is there than in the beginning; fail after some seconds."""
        end = time.monotonic() + 5
        while left := self._left():
            assert time.monotonic() < end, f"left behind: {left}"
            await asyncio.sleep(0.001)
