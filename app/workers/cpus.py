"""How many processors this process may use: what ``CHAT_WORKERS=auto`` means.

A container is given time, not processors: its cgroup may use so many microseconds of each period.
1.5 processors count as two, since one worker could not use more than one of them.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst ("cpu.max") and scheduler/sched-bwc.rst
(version 1: "cpu.cfs_quota_us", "cpu.cfs_period_us").
"""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_cpus(root: Path = Path("/")) -> int:
    """Return how many processors this process may use, at least 1.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    quotas = [math.ceil(quota) for quota in _quotas(root)]
    return max(1, min([_allowed_cpus(), *quotas]))


def _allowed_cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """Yield the limits of our cgroup and of those that it is in, in processors."""
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for membership in memberships:
        _, controllers, path = membership.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        own = PurePosixPath(path)
        for group in (own, *own.parents):
            # What stands above a container's own cgroup cannot be seen in it, and is skipped.
            folder = root / "sys/fs/cgroup" / controllers / str(group).lstrip("/")
            with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
                # No limit is "max", or -1.
                if (quota := _quota(folder, is_version_2=not controllers)) > 0:
                    yield quota


def _quota(folder: Path, *, is_version_2: bool) -> float:
    if is_version_2:
        quota, period = (folder / "cpu.max").read_text().split()
    else:
        quota, period = (
            (folder / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")
        )
    return int(quota) / int(period)  # ValueError for `max`
