"""The stream of one run of a tool: NDJSON, or whatever its client reads."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.events import Error
from app.http.admission import AdmittedRequest
from app.http.disconnect import ClientLeft, unless_left
from app.http.responses import STREAM_HEADERS
from app.protocols.tool_stream import MEDIA_TYPE
from app.telemetry.log import RequestLine, elapsed_ms, log_request, owner_mark
from app.tools.standalone import RunEncoder
from app.tools.tool import Tool
from app.turns.running_turns import RunningTurns

Write: TypeAlias = Callable[[bytes], Awaitable[None]]
Stopped: TypeAlias = "asyncio.Future[Error]"
Run: TypeAlias = Callable[[Write, Stopped], Coroutine[Any, Any, Error | None]]


class Wire(msgspec.Struct, frozen=True):
    """What a stream of a run is made of.

    Attributes:
        protocol: its name, for the log.
        encoder: of this run; `None`: one of NDJSON.
        ending: holds what may end the run, while it runs.
    """

    protocol: str
    media_type: str
    encoder: RunEncoder | None = None
    ending: Callable[[Stopped], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


NDJSON = Wire("ndjson", MEDIA_TYPE)


class RunEnd:
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
def logged(
    admitted: AdmittedRequest, tool: Tool, protocol: str = NDJSON.protocol
) -> Iterator[RunEnd]:
    """Write the log line of the run that happens in the block."""
    client_left = False
    end = RunEnd()
    try:
        yield end
    except (ClientLeft, asyncio.CancelledError):
        client_left = True
        raise
    finally:
        log_request(
            RequestLine(
                request_id=admitted.id,
                protocol=protocol,
                shape="tool",
                owner=owner_mark(admitted.owner),
                tool=tool.name,
                status=end.status,
                error_code=end.error_code,
                client_left=client_left,
                duration_ms=elapsed_ms(admitted.started),
            )
        )


class ToolStream(Response):
    """Streams one run of a tool. A client that leaves cancels it.

    Args:
        run: runs the tool and writes its lines.
        tool: for the log.
        turns: the run counts as one. Not before it begins: a response that is never sent would
            stay among them.
    """

    def __init__(
        self, admitted: AdmittedRequest, run: Run, tool: Tool, turns: RunningTurns, wire: Wire
    ) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = wire.media_type
        self._wire = wire
        self._admitted = admitted
        self._run = run
        self._tool = tool
        self._turns = turns
        self.init_headers({**STREAM_HEADERS, "x-request-id": admitted.id})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._turns.running_tool() as stopped:
            await self._stream(scope, receive, send, stopped)

    def _logging(self) -> contextlib.AbstractContextManager[RunEnd]:
        return logged(self._admitted, self._tool, self._wire.protocol)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, stopped: Stopped) -> None:
        async def write(data: bytes) -> None:
            if data:
                await send({"type": "http.response.body", "body": data, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with contextlib.suppress(ClientLeft), self._logging() as end:
            error = await unless_left(Request(scope, receive), self._run(write, stopped))
            if error is not None:
                end.stopped_by(error, status=200)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
