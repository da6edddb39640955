"""Tools of a function that agents use."""

import asyncio
from pathlib import Path

from app.tools import ToolContext, ToolError, tool


@tool
def add(a: int, b: int) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@tool
async def wait(path: str, ctx: ToolContext) -> str:
    """Say that it waits, and wait for a file."""
    ctx.send_status("Waiting")
    while not Path(path).exists():  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.02)
    return "done"


@tool
def fail() -> None:
    """Fail."""
    raise ToolError("The shop is closed.")


@tool(needs_approval=True)
def pay() -> None:
    """Pay."""
