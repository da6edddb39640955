"""Ending tasks of one's own."""

import asyncio
from collections.abc import Iterable
from typing import Any


async def cancel(tasks: "Iterable[asyncio.Task[Any] | None]") -> None:
    """Cancel tasks, and return when they have ended. Those that are None or over are ignored."""
    running = [task for task in tasks if task is not None and not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
