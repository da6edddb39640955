"""The tool calls of a turn: checked one by one, run side by side."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

import msgspec

from app.events import (
    Emit,
    Status,
    ToolInputAvailable,
    ToolInputError,
    ToolOutputAvailable,
    ToolOutputError,
)
from app.messages import ToolOutputPart
from app.tools.context import Scene
from app.tools.definition import InvalidToolInput
from app.tools.execution import run_tool
from app.tools.outcome import MASKED, MAX_OUTPUT_BYTES, Failure, Outcome, chat_output
from app.tools.outlet import Outlet
from app.tools.tool import Tool

logger = logging.getLogger("deltaline.tools")


class RefusedCall(msgspec.Struct, frozen=True):
    """A call that cannot run. ``event`` tells the client, masked; ``output`` tells the model."""

    event: ToolInputError
    output: ToolOutputPart


def validate(
    call: ToolInputAvailable, tools: Mapping[str, Tool]
) -> ToolInputAvailable | RefusedCall:
    """Check a call of the model before it is announced.

    Returns:
        the call, its executor ``client`` if the tool has no function here; or why it cannot run:
        there is no such tool, or the input does not fit the tool's schema.
    """
    if call.executor == "provider":
        return call
    tool = tools.get(call.tool_name)
    if tool is None:
        return _refused(call, _unknown(call.tool_name, tools))
    try:
        tool.parse(call.input)
    except InvalidToolInput as error:
        return _refused(call, str(error))
    except Exception:
        logger.exception("the input of %s cannot be checked", call.tool_name)
        return _refused(call, MASKED)
    executor = "client" if tool.run is None else "server"
    return msgspec.structs.replace(call, executor=executor)


async def run_calls(
    calls: Sequence[ToolInputAvailable],
    *,
    tools: Mapping[str, Tool],
    emit: Emit,
    scene: Scene | None = None,
    max_output_bytes: int = MAX_OUTPUT_BYTES,
) -> Sequence[ToolOutputPart]:
    """Run the calls of one step side by side and return their answers for the model.

    ``emit`` gets `Status`, preliminary `ToolOutputAvailable` and, once for each call, its
    `ToolOutputAvailable` or `ToolOutputError`, as they happen. Each call's events keep their order,
    and ``emit`` is never awaited twice at a time. Cancelling cancels every call and waits for it.

    Args:
        calls: as `validate` returned them; a client tool's cannot run. Their ids are unique.
        tools: by name.
        scene: what the calls have in common.
        max_output_bytes: the largest output, in bytes of JSON.

    Returns:
        one part for each call, in the order of ``calls``.
    """
    scene = Scene() if scene is None else scene
    outlet = Outlet(call.tool_call_id for call in calls)

    async def run(call: ToolInputAvailable) -> ToolOutputPart:
        outcome = await _outcome(call, tools, outlet, scene, max_output_bytes)
        # The model reads no more than the client: whatever it is told it may repeat.
        if isinstance(outcome, Failure):
            outlet.answer(call.tool_call_id, ToolOutputError(call.tool_call_id, outcome.message))
            return ToolOutputPart(call.tool_call_id, call.tool_name, outcome.message, is_error=True)
        output = chat_output(outcome.output)
        outlet.answer(call.tool_call_id, ToolOutputAvailable(call.tool_call_id, output))
        return ToolOutputPart(call.tool_call_id, call.tool_name, output)

    tasks = [asyncio.create_task(run(call)) for call in calls]
    try:
        await outlet.drain(emit)
        return await asyncio.gather(*tasks)
    finally:
        outlet.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _outcome(
    call: ToolInputAvailable,
    tools: Mapping[str, Tool],
    outlet: Outlet,
    scene: Scene,
    max_output_bytes: int,
) -> Outcome:
    call_id = call.tool_call_id
    tool = tools.get(call.tool_name)
    if tool is None or tool.run is None:
        return Failure(_unknown(call.tool_name, tools), "UNKNOWN_TOOL")

    async def send_preliminary(output: object) -> None:
        await outlet.send(call_id, ToolOutputAvailable(call_id, output, preliminary=True))

    return await run_tool(
        tool,
        call.input,
        tool_call_id=call_id,
        scene=scene,
        on_status=lambda message: outlet.offer(call_id, Status(message, call_id)),
        on_preliminary=send_preliminary,
        max_output_bytes=max_output_bytes,
    )


def _unknown(name: str, tools: Mapping[str, Tool]) -> str:
    known = ", ".join(sorted(tools)) or "none"
    return f"There is no tool {name[:64]!r} to run; the tools are: {known}."


def _refused(call: ToolInputAvailable, reason: str) -> RefusedCall:
    logger.info("a call of %s cannot run: %s", call.tool_name, reason)
    return RefusedCall(
        ToolInputError(call.tool_call_id, call.tool_name, call.input, MASKED),
        ToolOutputPart(call.tool_call_id, call.tool_name, reason, is_error=True),
    )
