"""How much memory an environment uses, and the limit on it.

Lambda limits the memory of the whole environment. A limit on the address space (`RLIMIT_AS`) would
not do: Node and Go reserve gigabytes that they never touch and would die at once. So the resident
memory of all processes is sampled. A peak between two samples goes unnoticed, and shared pages
count for each process that shares them. Without /proc (macOS) nothing is measured.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

_INTERVAL_S = 0.1
_PROC = Path("/proc")


def resident_bytes(pids: Iterable[int]) -> int:
    """Return the resident memory of these processes and all their descendants."""
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    total = 0
    waiting = list(pids)
    while waiting:
        pid = waiting.pop()
        with contextlib.suppress(OSError, ValueError, IndexError):  # the process has just ended
            total += int((_PROC / f"{pid}/statm").read_text().split()[1]) * page_bytes
            for children in (_PROC / f"{pid}/task").glob("*/children"):
                waiting += map(int, children.read_text().split())
    return total


class MemoryWatch:
    """Samples the memory of an environment while it works.

    Args:
        pids: returns the processes to measure.
        limit_bytes: ``on_excess`` is called the first time that more is used.
    """

    def __init__(
        self, pids: Callable[[], Iterable[int]], limit_bytes: int, on_excess: Callable[[], None]
    ) -> None:
        self._pids = pids
        self._limit_bytes = limit_bytes
        self._on_excess = on_excess
        self.max_bytes = 0
        self.exceeded = False

    def sample(self) -> None:
        """Measure now."""
        self.max_bytes = max(self.max_bytes, resident_bytes(self._pids()))
        if self.max_bytes > self._limit_bytes and not self.exceeded:
            self.exceeded = True
            self._on_excess()

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(_INTERVAL_S)
