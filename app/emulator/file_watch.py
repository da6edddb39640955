"""Notices changed files by polling: needs no dependency and works on every file system."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

_INTERVAL_S = 0.5
_SKIPPED = frozenset({"__pycache__", "node_modules", "dist", "build"})


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the modification time (ns) and size of every file below ``folder``, by relative path.

    Hidden files and folders, installed packages and build output are left out.
    """
    found: dict[str, tuple[int, int]] = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED and name[0] != "."]
        for name in files:
            path = os.path.join(parent, name)
            try:
                status = os.stat(path)
            except OSError:
                continue  # removed since it was listed
            if name[0] != ".":
                found[os.path.relpath(path, folder)] = status.st_mtime_ns, status.st_size
    return found


def changed_files(
    before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]
) -> list[str]:
    """Return the paths that were added, removed or modified, sorted."""
    return sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )


async def watch_files(folder: Path, on_change: Callable[[list[str]], None]) -> None:
    """Call ``on_change`` with the changed paths after each change, until cancelled."""
    before = await asyncio.to_thread(snapshot, folder)
    while True:
        await asyncio.sleep(_INTERVAL_S)
        after = await asyncio.to_thread(snapshot, folder)
        changed = changed_files(before, after)
        before = after
        if changed:
            on_change(changed)
