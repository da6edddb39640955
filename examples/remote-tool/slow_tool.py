"""The tool that the Lambda function serves. Replace it with your own, or add more.

It blocks, as most Python code does: a tool that is not `async def` runs in a thread of its own.
"""

import time

from app.tools import ToolContext, ToolResult, tool


@tool
def slow_process(message: str, steps: int, ctx: ToolContext) -> ToolResult:
    """Process a message in steps of about a second, and report each.

    Args:
        message: the message to process
        steps: how many steps to take
    """
    seconds_per_step = ctx.get_config("seconds_per_step", 1.0)
    ctx.send_status(f"Starting: {message}")
    for step in range(1, steps + 1):
        time.sleep(seconds_per_step)
        if not ctx.send_status(f"Step {step}/{steps} complete..."):
            return ToolResult.partial(f"Nobody listens any more; stopped after {step} steps")
    return ToolResult.ok(f"Processed in {steps} steps")
