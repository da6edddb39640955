"""Runs one tool call to its end, within its time. A failure is a value here, never an exception."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.tools.context import Scene, ToolContext
from app.tools.definition import InvalidToolInput, ToolError
from app.tools.outcome import (
    MASKED,
    MAX_OUTPUT_BYTES,
    Failure,
    Outcome,
    Success,
    chat_output,
    outcome_of,
)
from app.tools.tool import Report, Run, Tool

logger = logging.getLogger("deltaline.tools")

# How long a cancelled tool may take to clean up, in seconds, before it is left behind.
CANCEL_GRACE_S = 1.0


async def run_tool(
    tool: Tool,
    tool_input: Any,
    *,
    tool_call_id: str,
    scene: Scene,
    on_status: Callable[[str], None],
    on_preliminary: Callable[[Any], Awaitable[None]],
    max_output_bytes: int = MAX_OUTPUT_BYTES,
    cancel_grace_s: float = CANCEL_GRACE_S,
) -> Outcome:
    """Run one call. Cancelling cancels the tool; a thread cannot be stopped and is left behind.

    The reason of a failure that is masked is logged.

    Args:
        tool: one that has a function here.
        tool_input: JSON, as it came.
        on_status: takes a status, in any thread, while the call runs.
        on_preliminary: awaited with each preliminary output, as JSON.
        max_output_bytes: the largest output, in bytes of JSON.
    """
    assert tool.run is not None, f"{tool.name} is a client tool"
    timeout_s = tool.timeout_s
    if scene.deadline is not None:
        timeout_s = min(timeout_s, max(0.0, scene.deadline - time.monotonic()))
    is_over = threading.Event()

    def send_status(message: str) -> bool:
        if is_over.is_set():
            return False
        on_status(message)
        return True

    deadline = time.monotonic() + timeout_s
    context = ToolContext(tool_call_id, scene, report=send_status, deadline=deadline)

    async def report(output: Any) -> None:
        outcome = outcome_of(output, tool_name=tool.name, max_bytes=max_output_bytes)
        if isinstance(outcome, Success):
            await on_preliminary(chat_output(outcome.output))

    try:
        arguments = tool.parse(tool_input)
        # In a task of its own, whose cancellation is not ours.
        task = asyncio.create_task(_body(tool.run, arguments, context, report))
        try:
            await asyncio.wait({task}, timeout=timeout_s)
            if not task.done():
                return Failure(f"{tool.name} did not finish within {timeout_s:.3g} s.", "TIMEOUT")
        finally:
            is_over.set()
            await _end(task, tool.name, cancel_grace_s)
        if task.cancelled():
            raise RuntimeError("the tool was cancelled from inside")
        return outcome_of(task.result(), tool_name=tool.name, max_bytes=max_output_bytes)
    except InvalidToolInput as error:
        return Failure(str(error), "INVALID_ARGUMENTS")
    except ToolError as error:
        logger.info("tool %s failed: %s", tool.name, error, exc_info=error.__cause__)
        return Failure(error.message, error.code)
    except Exception:
        logger.exception("tool %s failed", tool.name)
        return Failure(MASKED)


async def _body(
    run: Run, arguments: Mapping[str, Any], context: ToolContext, report: Report
) -> Any:
    try:
        return await run(arguments, context, report)
    except SystemExit as error:
        # asyncio would end the whole server with it.
        raise RuntimeError("the tool called sys.exit()") from error


async def _end(task: asyncio.Task[Any], tool_name: str, grace_s: float) -> None:
    if task.done():
        return
    task.cancel()
    await asyncio.wait({task}, timeout=grace_s)
    if not task.done():
        logger.error("tool %s ignores that it was cancelled; it is left behind", tool_name)
    elif not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("tool %s failed while it was cancelled", tool_name, exc_info=error)
