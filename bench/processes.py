"""The CPU time and memory of a process and its descendants, from Linux' own accounts."""

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def started_on(cpus: Collection[int]) -> Iterator[None]:
    """Let processes that are started inside run on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    pids = [pid]
    for parent in pids:  # grows while we walk
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            pids.extend(int(child) for child in children.read_text().split())
    return pids


def cpu_s_of_each(pid: int) -> dict[int, float]:
    """Return the user and system time so far of each in the family, in seconds."""
    # The id of the clock of another process' CPU time: see clock_getcpuclockid(3).
    return {member: time.clock_gettime((~member << 3) | 2) for member in family(pid)}


def cpu_s(pid: int) -> float:
    """Return the family's user and system time so far, in seconds."""
    return sum(cpu_s_of_each(pid).values())


def rss(pid: int) -> int:
    """Return the family's resident memory, in bytes. Shared pages count more than once."""
    return _from_status(pid, "VmRSS:")


def peak_rss(pid: int) -> int:
    """Return the highest resident memory since `forget_peak_rss`, in bytes."""
    return _from_status(pid, "VmHWM:")


def forget_peak_rss(pid: int) -> None:
    for member in family(pid):
        Path(f"/proc/{member}/clear_refs").write_text("5")  # see proc(5)


def _from_status(pid: int, field: str) -> int:
    kib = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/status").read_text().splitlines():
            if line.startswith(field):
                kib += int(line.split()[1])
    return kib * 1024
