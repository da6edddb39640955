"""Runs one tool on its own, outside a chat: as a stream of NDJSON lines or as one JSON object."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, assert_never

from app.errors import NotFound, RequestError
from app.events import Error, Event, Status
from app.messages import ToolRequest
from app.protocols.tool_result import ToolResult, wrapped
from app.protocols.tool_run import ToolRunEncoder, buffered, for_invoker
from app.tools.context import Scene
from app.tools.event_merger import EventMerger
from app.tools.execution import failure_of, run_call
from app.tools.result import MAX_FILES_BYTES, CallResult, Failure, OutputLimits, Success
from app.tools.tool import Tool
from app.tools.tool_threads import ToolThreads
from app.tools.valid_call import ValidCall, validate
from app.tracing import NO_TRACE, Trace

HEARTBEAT_S = 10.0

_LIMITS = OutputLimits(files=MAX_FILES_BYTES)

# The only call of an `EventMerger` here; no client sees this id.
_RUN = "run"


def choose_tool(tools: Mapping[str, Tool], name: str | None, *, default: str | None) -> Tool:
    """Return the tool that a request is for.

    Args:
        name: the request's; `None` stands for the default tool, or else for the only tool that has
            a function here.
        default: name of the default tool, if one is set.

    Raises:
        NotFound: there is no such tool.
        RequestError: the request names no tool and there is no default, or the tool is a client
            tool.
    """
    runnable = [tool for tool in tools.values() if tool.run is not None]
    name = default if name is None else name
    if name is None:
        if len(runnable) != 1:
            raise RequestError("Name the tool to run, or set CHAT_DEFAULT_TOOL.")
        return runnable[0]
    if name not in tools:
        known = ", ".join(sorted(tool.name for tool in runnable)) or "none"
        raise NotFound(f"There is no tool {name[:64]!r}; the tools are: {known}.")
    if tools[name].run is None:
        raise RequestError(f"The tool {name!r} runs in the chat client, not here.")
    return tools[name]


def check_request(tool: Tool, request: ToolRequest) -> ValidCall | Failure:
    """Return the call that a request makes, or why its arguments cannot be used."""
    try:
        return validate(tool, f"run-{secrets.token_hex(8)}", request.args)
    except BaseException as error:  # a validator may panic or exit, which would end the server
        return failure_of(error, tool.name)


def needs_user(tool: Tool, call: ValidCall | Failure) -> bool:
    """Return whether a user has to approve the call, which nobody can in a single run.

    Args:
        call: what `check_request` returned. It has to be what runs afterwards.
    """
    return tool.needs_approval is True or (isinstance(call, ValidCall) and call.asks_approval())


async def run_request(
    tool: Tool,
    request: ToolRequest,
    *,
    on_status: Callable[[str], None],
    call: ValidCall | Failure | None = None,
    owner: str = "",
    threads: ToolThreads | None = None,
    deadline: float | None = None,
    trace: Trace = NO_TRACE,
    limits: OutputLimits = _LIMITS,
) -> ToolResult:
    """Run the tool and return its result; a failure is a result of status "error".

    Args:
        tool: one that has a function here.
        on_status: receives each status, in any thread.
        call: what `check_request` returned, if the request has been checked already.
        owner: who asks; ``""`` where nobody is asked who he is.
        threads: in which a plain function runs; `None`: a thread of its own.
        deadline: `time.monotonic` at which the run has to be over.
        trace: what the run is part of.
        limits: how large the output may be.
    """
    call = check_request(tool, request) if call is None else call
    result: CallResult
    if isinstance(call, Failure):
        result = call
    else:
        result = await run_call(
            call,
            scene=_scene(request, owner, deadline, threads, trace, limits),
            on_status=on_status,
            on_preliminary=_ignore,
        )
    match result:
        case Failure(message, code, tool_result):
            return tool_result or ToolResult.error(message, error_code=code)
        case Success(output):
            return wrapped(output)
        case _:
            assert_never(result)


class RunEncoder(Protocol):
    """Makes the bytes of one run; see `ToolRunEncoder`."""

    def start(self) -> bytes: ...

    def status(self, message: str) -> bytes: ...

    def keep_alive(self) -> bytes: ...

    def result(self, result: ToolResult) -> bytes: ...

    def error(self, message: str, code: str) -> bytes: ...


async def run_tool_stream(
    tool: Tool,
    request: ToolRequest,
    write: Callable[[bytes], Awaitable[None]],
    *,
    call: ValidCall | Failure | None = None,
    owner: str = "",
    threads: ToolThreads | None = None,
    now: Callable[[], float] = time.time,
    heartbeat_s: float = HEARTBEAT_S,
    deadline: float | None = None,
    trace: Trace = NO_TRACE,
    limits: OutputLimits = _LIMITS,
    stopped: "asyncio.Future[Error] | None" = None,
    encoder: RunEncoder | None = None,
) -> Error | None:
    """Run the tool and write its tool stream as it works. The last line is the tool's result.

    Cancelling cancels the tool.

    Args:
        tool: one that has a function here.
        write: awaited with whole lines, one call at a time.
        now: Unix time in seconds.
        heartbeat_s: the longest time without a line, in seconds.
        call, owner, threads, deadline, limits: see `run_request`.
        stopped: once it is done, its error is the last line, and the tool is cancelled.
        encoder: of this run; default: NDJSON.

    Returns:
        the error that was the last line, if it was no result.
    """
    encoder = ToolRunEncoder(now=now) if encoder is None else encoder
    merger = EventMerger([_RUN])

    async def run() -> ToolResult:
        try:
            return await run_request(
                tool,
                request,
                on_status=lambda message: merger.offer(_RUN, Status(message)),
                call=call,
                owner=owner,
                threads=threads,
                deadline=deadline,
                trace=trace,
                limits=limits,
            )
        finally:
            merger.end(_RUN)

    async def emit(events: Sequence[Event]) -> None:
        statuses = [event.message for event in events if isinstance(event, Status)]
        if lines := b"".join(encoder.status(message) for message in statuses):
            await write(lines)

    async def beat() -> None:
        await write(encoder.keep_alive())

    def stop(_: object) -> None:
        merger.end(_RUN)

    await write(encoder.start())
    task = asyncio.create_task(run())
    if stopped is not None:
        stopped.add_done_callback(stop)
    try:
        await merger.forward(emit, idle_s=heartbeat_s, on_idle=beat)
        if stopped is not None and stopped.done() and not task.done():
            error = stopped.result()
            await write(encoder.error(error.message, error.code))
            return error
        await write(encoder.result(await task))
        return None
    finally:
        if stopped is not None:
            stopped.remove_done_callback(stop)
        merger.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def run_tool_buffered(
    tool: Tool,
    request: ToolRequest,
    *,
    call: ValidCall | Failure | None = None,
    owner: str = "",
    threads: ToolThreads | None = None,
    deadline: float | None = None,
    trace: Trace = NO_TRACE,
    limits: OutputLimits = _LIMITS,
) -> dict[str, Any]:
    """Run the tool and return ``{"success", "data", "error", "error_code"}``.

    It is a tool result too if it has files and the request says that its sender stores them.
    """
    result = await run_request(
        tool,
        request,
        on_status=lambda message: None,
        call=call,
        owner=owner,
        threads=threads,
        deadline=deadline,
        trace=trace,
        limits=limits,
    )
    return for_invoker(result) if request.stores_files else buffered(result)


def _scene(
    request: ToolRequest,
    owner: str,
    deadline: float | None,
    threads: ToolThreads | None,
    trace: Trace,
    limits: OutputLimits,
) -> Scene:
    def said(key: str) -> str | None:
        value = request.context.get(key)
        return value if isinstance(value, str) else None

    return Scene(
        owner=owner,
        trace=trace,
        chat_id=said("chat_id"),
        session_id=said("session_id"),
        user_id=said("user_id"),
        config=request.tool_config,
        deadline=deadline,
        threads=threads,
        limits=limits,
    )


async def _ignore(output: object) -> None:
    """Drop a preliminary output, for which a tool stream has no line."""
