"""The response to a request for one tool: a live tool stream, or one JSON object."""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from app.errors import Forbidden
from app.events import Error
from app.http.admission import AdmittedRequest
from app.http.disconnect import ClientLeft, first_of, unless_left
from app.http.options import deadline_of, wants_stream
from app.http.responses import JSONResponse, failure
from app.http.tool_stream import NDJSON, Stopped, ToolStream, Wire, Write, logged
from app.messages import ToolRequest
from app.requests.value_count import is_heavy
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

if TYPE_CHECKING:
    from app.http.mcp import McpResponder


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
        self._agents: McpResponder | None = None
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
        if wants_stream(admitted.http, default=asked.stream):
            return self.stream(admitted, tool, asked, call)
        deadline = self._deadline(admitted)
        trace = self._tracing.begin_tool(admitted.http.scope["headers"])
        try:
            with self._turns.running_tool() as stopped, logged(admitted, tool) as end:
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

    async def respond_to_agent(self, admitted: AdmittedRequest) -> Response:
        """Answer an MCP client, which uses these tools within the same limits."""
        if self._agents is None:
            from app.http.mcp import McpResponder  # by the first of them, for the cold start

            self._agents = McpResponder(self._tools, self, turns=self._turns, aside=self._aside)
        return await self._agents.respond(admitted)

    def stream(
        self,
        admitted: AdmittedRequest,
        tool: Tool,
        asked: ToolRequest,
        call: ValidCall | Failure,
        *,
        wire: Wire = NDJSON,
    ) -> Response:
        """Return the stream of a run that has been checked.

        Args:
            call: what `check_request` has returned.
            wire: what the stream is made of.
        """
        deadline = self._deadline(admitted)
        trace = self._tracing.begin_tool(admitted.http.scope["headers"])

        async def run(write: Write, stopped: Stopped) -> Error | None:
            with wire.ending(stopped):
                return await run_tool_stream(
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
                    encoder=wire.encoder,
                )

        return ToolStream(admitted, run, tool, self._turns, wire)

    def _deadline(self, admitted: AdmittedRequest) -> float | None:
        return deadline_of(
            admitted.http,
            now=time.time(),
            margin_s=self._deadline_margin_s,
            longest_s=self._max_run_s,
        )


async def _unless_stopped(
    stopped: Stopped, run: Coroutine[Any, Any, Mapping[str, Any]]
) -> Mapping[str, Any] | Error:
    """Return the result of ``run``; cancel it if it is stopped first, and return the error."""
    task = asyncio.create_task(run)
    try:
        await first_of(task, stopped)
        return task.result() if task.done() else stopped.result()
    finally:
        task.cancel()
        await asyncio.wait((task,))
