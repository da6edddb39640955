"""The answer to a request for one tool: a live tool stream, or one JSON object."""

import asyncio
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import Forbidden
from app.http.options import deadline_of, wants_stream
from app.http.responses import STREAM_HEADERS, JSONAnswer, watch
from app.messages import ToolRequest
from app.protocols.tool_stream import MEDIA_TYPE
from app.telemetry.log import RequestLog, log_unanswered
from app.tools.standalone import choose_tool, run_tool_buffered, run_tool_stream
from app.tools.tool import Tool


class ToolAnswers:
    """Runs one tool for whoever asks.

    Args:
        tools: by name.
        default_tool: what ``/invoke`` runs; ``None``: the only tool that is on.
        heartbeat_s: longest silence on a stream, in seconds.
        deadline_margin_s: how long before Lambda's deadline a run is ended, in seconds.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        *,
        default_tool: str | None,
        heartbeat_s: float,
        deadline_margin_s: float,
    ) -> None:
        self._tools = tools
        self._default_tool = default_tool
        self._heartbeat_s = heartbeat_s
        self._deadline_margin_s = deadline_margin_s

    async def answer(
        self, request: Request, asked: ToolRequest, *, name: str | None, request_id: str, now: float
    ) -> Response:
        """Run the tool that the path, the request or the settings name.

        Args:
            request: says in its query whether to stream, and until when.
            asked: the arguments and their context.
            name: of the path, if it has one.
            request_id: for the response.
            now: seconds since 1970.

        Raises:
            NotFound: there is no such tool.
            RequestError: no tool is named, or a client's.
            Forbidden: the call needs a user's approval, and here is nobody to ask.
        """
        tool = choose_tool(self._tools, name or asked.name, default=self._default_tool)
        if tool.asks_approval(asked.args):
            raise Forbidden(
                f"The tool {tool.name!r} needs a user's approval: it runs in chats only."
            )
        deadline = deadline_of(request, now=now, margin_s=self._deadline_margin_s)
        started = time.perf_counter()
        headers = {"x-request-id": request_id}
        if wants_stream(request, default=asked.stream):
            return _ToolRun(tool, asked, deadline, self._heartbeat_s, request_id, started)
        run = asyncio.create_task(run_tool_buffered(tool, asked, deadline=deadline))
        leaving = watch(request)
        try:
            await asyncio.wait((run, leaving), return_when=asyncio.FIRST_COMPLETED)
            if run.done():
                return JSONAnswer(run.result(), headers=headers)
            return Response(status_code=204)  # to nobody
        finally:
            _log(request_id, tool, started, client_left=not run.done())
            leaving.cancel()
            run.cancel()
            await asyncio.wait((run,))


def _log(request_id: str, tool: Tool, started: float, *, client_left: bool) -> None:
    record = RequestLog(request_id=request_id, protocol="ndjson", shape="tool", tool=tool.name)
    record.client_left = client_left
    log_unanswered(record, started)


class _ToolRun(Response):
    """Streams one run of a tool. A client that leaves cancels it."""

    def __init__(
        self,
        tool: Tool,
        asked: ToolRequest,
        deadline: float | None,
        heartbeat_s: float,
        request_id: str,
        started: float,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = MEDIA_TYPE
        self._request_id = request_id
        self._started = started
        self._tool = tool
        self._asked = asked
        self._deadline = deadline
        self._heartbeat_s = heartbeat_s
        self.init_headers({**STREAM_HEADERS, "x-request-id": request_id})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def write(data: bytes) -> None:
            if data:
                await send({"type": "http.response.body", "body": data, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        run = asyncio.create_task(
            run_tool_stream(
                self._tool,
                self._asked,
                write,
                heartbeat_s=self._heartbeat_s,
                deadline=self._deadline,
            )
        )
        leaving = watch(Request(scope, receive))
        try:
            await asyncio.wait((run, leaving), return_when=asyncio.FIRST_COMPLETED)
            if run.done():
                run.result()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            _log(self._request_id, self._tool, self._started, client_left=not run.done())
            leaving.cancel()
            run.cancel()
            await asyncio.wait((run,))
