"""The response to a request for one tool: a live tool stream, or one JSON object."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import Forbidden
from app.events import Error
from app.http.admission import AdmittedRequest
from app.http.disconnect import ClientLeft, first_of, unless_left
from app.http.options import deadline_of, wants_stream
from app.http.responses import STREAM_HEADERS, JSONResponse, failure
from app.messages import ToolRequest
from app.protocols.tool_stream import MEDIA_TYPE
from app.requests.value_count import is_heavy
from app.telemetry.log import RequestLine, elapsed_ms, log_request, owner_mark
from app.telemetry.turn_traces import Tracing, Untraced
from app.threads import Aside
from app.tools.result import Failure, OutputLimits
from app.tools.standalone import (
    check_request,
    choose_tool,
    needs_user,
    run_tool_buffered,
    run_tool_stream,
)
from app.tools.tool import Tool
from app.tools.tool_set import ToolSet
from app.tools.tool_threads import ToolThreads
from app.tools.valid_call import ValidCall
from app.turns.errors import status_of
from app.turns.running_turns import RunningTurns

_Write: TypeAlias = Callable[[bytes], Awaitable[None]]
_Stopped: TypeAlias = "asyncio.Future[Error]"
_Run: TypeAlias = Callable[[_Write, _Stopped], Coroutine[Any, Any, Error | None]]


class ToolResponder:
    """Runs one tool for whoever asks.

    Args:
        tools: those that there are.
        default_tool: what ``/invoke`` runs; ``None``: the only tool that is on.
        heartbeat_s: longest silence on a stream, in seconds.
        deadline_margin_s: how long before Lambda's deadline a run is ended, in seconds.
        max_run_s: how long any run may take, in seconds.
        threads: in which plain functions run.
        limits: how large a result may be.
        turns: a run counts as one, and ends as they do when the server stops.
        aside: where large arguments are checked.
        tracing: begins the trace of every run.
    """

    def __init__(
        self,
        tools: ToolSet,
        *,
        default_tool: str | None,
        heartbeat_s: float,
        deadline_margin_s: float,
        max_run_s: float,
        threads: ToolThreads,
        limits: OutputLimits,
        turns: RunningTurns,
        aside: Aside,
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = Untraced() if tracing is None else tracing
        self._threads = threads
        self._limits = limits
        self._turns = turns
        self._aside = aside
        self._tools = tools
        self._default_tool = default_tool
        self._heartbeat_s = heartbeat_s
        self._deadline_margin_s = deadline_margin_s
        self._max_run_s = max_run_s

    async def respond(
        self, admitted: AdmittedRequest, asked: ToolRequest, *, name: str | None
    ) -> Response:
        """Run the tool that the path, the request or the settings name.

        Args:
            admitted: says in its query whether to stream, and until when.
            asked: the arguments and their context.
            name: of the path, if it has one.

        Raises:
            NotFound: there is no such tool.
            RequestError: no tool is named, or it is one that only a browser runs.
            Forbidden: the call needs a user's approval, and nobody is here to be asked.
            TooManyTurns: no more may run now.
        """
        if not self._tools.is_settled(admitted.owner):
            await self._tools.settle(admitted.owner)
        tools = self._tools.of(admitted.owner)
        tool = choose_tool(tools, name or asked.name, default=self._default_tool)

        def check() -> tuple[ValidCall | Failure, bool]:
            call = check_request(tool, asked)
            return call, needs_user(tool, call)

        body = admitted.body
        call, is_asking = await self._aside.run_if(is_heavy(body), check, size=len(body))
        if is_asking:
            raise Forbidden(
                f"The tool {tool.name!r} needs a user's approval: it runs in chats only."
            )
        self._turns.check()
        deadline = deadline_of(
            admitted.http,
            now=time.time(),
            margin_s=self._deadline_margin_s,
            longest_s=self._max_run_s,
        )
        trace = self._tracing.begin_tool(admitted.http.scope["headers"])
        if wants_stream(admitted.http, default=asked.stream):
            return _ToolStream(
                admitted,
                lambda write, stopped: run_tool_stream(
                    tool,
                    asked,
                    write,
                    call=call,
                    owner=admitted.owner,
                    threads=self._threads,
                    heartbeat_s=self._heartbeat_s,
                    deadline=deadline,
                    trace=trace,
                    limits=self._limits,
                    stopped=stopped,
                ),
                tool,
                self._turns,
            )
        try:
            with self._turns.running_tool() as stopped, _logged(admitted, tool) as end:
                run = run_tool_buffered(
                    tool,
                    asked,
                    call=call,
                    owner=admitted.owner,
                    threads=self._threads,
                    deadline=deadline,
                    trace=trace,
                    limits=self._limits,
                )
                result = await unless_left(admitted.http, _unless_stopped(stopped, run))
                if isinstance(result, Error):
                    end.stopped_by(result, status=status_of(result.code))
        except ClientLeft:
            return Response(status_code=204)  # to nobody
        headers = {"x-request-id": admitted.id}
        if isinstance(result, Error):
            return failure(result.message, end.status, headers, error_code=result.code)
        return JSONResponse(result, headers=headers)


async def _unless_stopped(
    stopped: _Stopped, run: Coroutine[Any, Any, Mapping[str, Any]]
) -> Mapping[str, Any] | Error:
    """Return the result of ``run``; cancel it if it is stopped first, and return the error."""
    task = asyncio.create_task(run)
    try:
        await first_of(task, stopped)
        return task.result() if task.done() else stopped.result()
    finally:
        task.cancel()
        await asyncio.wait((task,))


class _End:
    """How a run has ended, for the log.

    Attributes:
        status: of its response.
        error_code: of the error that took the place of a result.
    """

    def __init__(self) -> None:
        self.status = 200
        self.error_code: str | None = None

    def stopped_by(self, error: Error, *, status: int) -> None:
        self.status, self.error_code = status, error.code


@contextlib.contextmanager
def _logged(admitted: AdmittedRequest, tool: Tool) -> Iterator[_End]:
    """Write the log line of the run that happens in the block."""
    client_left = False
    end = _End()
    try:
        yield end
    except (ClientLeft, asyncio.CancelledError):
        client_left = True
        raise
    finally:
        log_request(
            RequestLine(
                request_id=admitted.id,
                protocol="ndjson",
                shape="tool",
                owner=owner_mark(admitted.owner),
                tool=tool.name,
                status=end.status,
                error_code=end.error_code,
                client_left=client_left,
                duration_ms=elapsed_ms(admitted.started),
            )
        )


class _ToolStream(Response):
    """Streams one run of a tool. A client that leaves cancels it.

    Args:
        run: runs the tool and writes its lines.
        tool: for the log.
        turns: the run counts as one. Not before it begins: a response that is never sent would
            stay among them.
    """

    def __init__(
        self, admitted: AdmittedRequest, run: _Run, tool: Tool, turns: RunningTurns
    ) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = MEDIA_TYPE
        self._admitted = admitted
        self._run = run
        self._tool = tool
        self._turns = turns
        self.init_headers({**STREAM_HEADERS, "x-request-id": admitted.id})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._turns.running_tool() as stopped:
            await self._stream(scope, receive, send, stopped)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, stopped: _Stopped) -> None:
        async def write(data: bytes) -> None:
            if data:
                await send({"type": "http.response.body", "body": data, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with contextlib.suppress(ClientLeft), _logged(self._admitted, self._tool) as end:
            error = await unless_left(Request(scope, receive), self._run(write, stopped))
            if error is not None:
                end.stopped_by(error, status=200)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
