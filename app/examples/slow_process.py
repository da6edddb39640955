"""An example of a tool that takes a while and reports its progress."""

import asyncio
from typing import Annotated

from pydantic import Field

from app.tools import ToolContext, ToolResult, tool


@tool
async def slow_process(
    message: Annotated[str, Field(description="What to work on")],
    steps: Annotated[int, Field(description="How many steps it takes", ge=1, le=100)],
    ctx: ToolContext,
) -> ToolResult:
    """Work on a message for some seconds, one for each step, and report each step."""
    seconds_per_step = ctx.get_config("seconds_per_step", 1.0)
    ctx.send_status(f"Starting: {message}")
    for step in range(1, steps + 1):
        await asyncio.sleep(seconds_per_step)
        ctx.send_status(f"Step {step}/{steps} complete...")
    return ToolResult.ok(f"Processed in {steps} steps")
