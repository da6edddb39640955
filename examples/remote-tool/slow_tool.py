"""The tool that the Lambda function serves. Write your own in its place, or more beside it.

It blocks, as most Python does: tools that are no `async def` run in a thread of their own.
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
