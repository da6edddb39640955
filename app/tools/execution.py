"""Runs tool calls to their end, side by side and within their time.

A call that fails is a result here, never an exception.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never

import msgspec

from app.events import Emit, Status, ToolOutputAvailable, ToolOutputError
from app.messages import ToolOutputPart
from app.tools import own_tasks
from app.tools.context import Scene, ToolContext
from app.tools.definition import InvalidToolInput, ToolError
from app.tools.event_merger import EventMerger
from app.tools.result import (
    MASKED,
    CallResult,
    Failure,
    Success,
    call_result,
    chat_output,
)
from app.tools.tool import Implementation, OnPreliminary
from app.tools.valid_call import ValidCall

logger = logging.getLogger("deltaline.tools")

# How long a cancelled tool may take to clean up, in seconds, before it is left behind.
CANCEL_GRACE_S = 1.0


async def run_calls(
    calls: Sequence[ValidCall],
    *,
    emit: Emit,
    scene: Scene | None = None,
) -> Sequence[ToolOutputPart]:
    """Run the calls of one step side by side and return their outputs for the model.

    ``emit`` receives the events of the calls as they happen: `Status`, preliminary
    `ToolOutputAvailable` and, as the last event of each call, its `ToolOutputAvailable` or
    `ToolOutputError`. The events of one call keep their order, and ``emit`` is never awaited twice
    at a time. Cancelling cancels every call and waits for it.

    Args:
        calls: their tools have a function here, and their ids are unique.
        scene: what the calls have in common.

    Returns:
        one part for each call, in the order of ``calls``.
    """
    scene = Scene() if scene is None else scene
    merger = EventMerger(call.tool_call_id for call in calls)

    async def run(call: ValidCall) -> ToolOutputPart:
        call_id, name = call.tool_call_id, call.tool.name

        async def send_preliminary(output: object) -> None:
            await merger.send(call_id, ToolOutputAvailable(call_id, output, preliminary=True))

        try:
            result = await run_call(
                call,
                scene=scene,
                on_status=lambda message: merger.offer(call_id, Status(message, call_id)),
                on_preliminary=send_preliminary,
            )
        except BaseException:
            merger.end(call_id)  # or `forward` would wait for it for ever
            raise
        # The model reads no more than the client does, since it may repeat whatever it is told.
        match result:
            case Failure(message):
                merger.end(call_id, ToolOutputError(call_id, message))
                return ToolOutputPart(call_id, name, message, is_error=True)
            case Success(output):
                output = chat_output(output)
                merger.end(call_id, ToolOutputAvailable(call_id, output))
                return ToolOutputPart(call_id, name, output)
            case _:
                assert_never(result)

    tasks = [asyncio.create_task(run(call)) for call in calls]
    try:
        await merger.forward(emit)
        return await asyncio.gather(*tasks)
    finally:
        merger.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_call(
    call: ValidCall,
    *,
    scene: Scene,
    on_status: Callable[[str], None],
    on_preliminary: OnPreliminary,
    cancel_grace_s: float = CANCEL_GRACE_S,
) -> CallResult:
    """Run one call. Cancelling cancels the tool; a thread cannot be stopped and is left behind.

    The reason for a masked failure is logged.

    Args:
        call: its tool has a function here.
        scene: what the calls of the turn have in common.
        on_status: receives each status, in any thread, while the call runs.
        on_preliminary: awaited with each preliminary output, as JSON.
        cancel_grace_s: how long a cancelled tool may take to clean up, in seconds.
    """
    tool = call.tool
    with scene.trace.tool(
        name=tool.name,
        description=tool.description,
        call_id=call.tool_call_id,
        arguments=call.input,
    ) as traced:
        result = await _run_call(
            call,
            scene,
            on_status,
            on_preliminary,
            cancel_grace_s=cancel_grace_s,
        )
        if isinstance(result, Failure):
            traced.ended(error_type=result.code, output=None)
        else:
            traced.ended(error_type=None, output=result.output)
        return result


async def _run_call(
    call: ValidCall,
    scene: Scene,
    on_status: Callable[[str], None],
    on_preliminary: OnPreliminary,
    *,
    cancel_grace_s: float,
) -> CallResult:
    tool = call.tool
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
    context = ToolContext(call.tool_call_id, scene, report=send_status, deadline=deadline)

    async def show_preliminary(output: Any) -> None:
        result = call_result(output, tool_name=tool.name, limits=scene.limits)
        if isinstance(result, Success):
            await on_preliminary(chat_output(result.output))

    # In a task of its own, so that cancelling the tool does not cancel this function.
    task = asyncio.create_task(
        _body(tool.run, tool.name, call.arguments, context, show_preliminary)
    )
    try:
        await asyncio.wait({task}, timeout=timeout_s)
        if not task.done():
            return Failure(f"{tool.name} did not finish within {timeout_s:.3g} s.", "TIMEOUT")
    finally:
        is_over.set()
        await _end(task, tool.name, cancel_grace_s)
    if task.cancelled():
        return failure_of(RuntimeError("the tool was cancelled from inside"), tool.name)
    ending = task.result()
    if isinstance(ending, _Raised):
        return failure_of(ending.error, tool.name)
    try:
        return call_result(ending.output, tool_name=tool.name, limits=scene.limits)
    except BaseException as error:  # the output's own methods are the tool's code
        return failure_of(error, tool.name)


def failure_of(error: BaseException, tool_name: str) -> Failure:
    """Return the failure that an exception stands for, and log the reason if it is masked."""
    try:
        match error:
            case InvalidToolInput():
                return Failure(str(error), "INVALID_ARGUMENTS")
            case ToolError():
                logger.info(
                    "tool %s failed: %s", tool_name, error.message, exc_info=error.__cause__
                )
                return Failure(error.message, error.code)
            case _:
                logger.error("tool %s failed", tool_name, exc_info=error)
                return Failure(MASKED)
    except BaseException:  # an exception's own methods are the tool's code too
        logger.error("tool %s failed with an exception that cannot be shown", tool_name)
        return Failure(MASKED)


class _Returned(msgspec.Struct, frozen=True):
    """What the tool returned."""

    output: Any


class _Raised(msgspec.Struct, frozen=True):
    """What the tool raised."""

    error: BaseException


async def _body(
    run: Implementation,
    tool_name: str,
    arguments: Mapping[str, Any],
    context: ToolContext,
    on_preliminary: OnPreliminary,
) -> _Returned | _Raised:
    """Run the tool. Raises nothing but the cancellation of its task."""
    own_tasks.enter(tool_name)
    try:
        return _Returned(await run(arguments, context, on_preliminary))
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        # Returned, since asyncio ends its loop, and so the server, with a task that raises
        # SystemExit or KeyboardInterrupt. A panic of a Rust extension is no `Exception` either.
        return _Raised(error)


async def _end(task: asyncio.Task[_Returned | _Raised], tool_name: str, grace_s: float) -> None:
    if task.done():
        return
    task.cancel()
    await asyncio.wait({task}, timeout=grace_s)
    if not task.done():
        logger.error("tool %s ignores that it was cancelled; it is left behind", tool_name)
    elif not task.cancelled() and isinstance(ending := task.result(), _Raised):
        logger.warning("tool %s failed while it was cancelled", tool_name, exc_info=ending.error)
