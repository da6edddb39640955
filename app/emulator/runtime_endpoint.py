"""The Runtime API of one environment: gives events to the runtime and takes its responses.

    GET  /2018-06-01/runtime/invocation/next            waits for the next event
    POST /2018-06-01/runtime/invocation/{id}/response   the response, streamed or whole
    POST /2018-06-01/runtime/invocation/{id}/error      an error instead of a response
    POST /2018-06-01/runtime/init/error                 instead of the first `next`

A streamed response is a chunked request with `Lambda-Runtime-Function-Response-Mode: streaming`; if
it fails after the first byte, its trailers say so.

Sources: AWS's pages "Lambda runtime API" and "Building a custom runtime"; status codes, error types
and limits as in aws-lambda-runtime-interface-emulator 1.x, internal/lambda/rapi and interop.
"""

import asyncio
import base64
import binascii
import contextlib
import enum
import json
from collections import deque
from collections.abc import Callable

from app.emulator.bandwidth import Bandwidth
from app.emulator.changes import Changes
from app.emulator.connection import (
    BadRequest,
    BodyTooLarge,
    ClientGone,
    Connection,
    Request,
)
from app.emulator.function_response import FunctionFailure, FunctionInvocation, ResponseStart

MAX_BUFFERED_BYTES = 6 * 1024 * 1024 + 100
MAX_STREAMED_BYTES = 200 * 1024 * 1024

_PREFIX = "/2018-06-01/runtime/"
_JSON = ("content-type", "application/json")
_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"
# How long a response that broke off waits for its cause: the end of the process that sent it.
_EXIT_GRACE_S = 0.5
# On two connections, a response may be read this much later than the poll that was sent after it.
_OVERTAKING_S = 0.2


class Phase(enum.Enum):
    """What the runtime is doing. The phases follow in this order, then again from READY.

    The values are Lambda's names for them, which it uses in error messages.
    """

    INIT = "Init"
    READY = "Ready"
    INVOKED = "Running"
    RESPONDING = "InvocationResponse"
    RESPONDED = "RuntimeResponseSent"


class RuntimeEndpoint:
    """Serves one runtime with at most one invocation at a time.

    Args:
        changes: notified whenever the phase changes.
        has_exited: returns whether a process of the environment has ended.
        max_bytes: size limit of a streamed response.
        bandwidth: makes a new bandwidth limit for each response; ``None`` for no limit.
    """

    def __init__(
        self,
        changes: Changes,
        has_exited: Callable[[], bool],
        *,
        max_bytes: int = MAX_STREAMED_BYTES,
        bandwidth: Callable[[], Bandwidth] | None = None,
    ) -> None:
        self._changes = changes
        self._has_exited = has_exited
        self._max_bytes = max_bytes
        self._bandwidth = bandwidth
        self._polls: deque[asyncio.Future[tuple[FunctionInvocation, int]]] = deque()
        self._current: FunctionInvocation | None = None
        self._truncated = False
        self.phase = Phase.INIT
        self.init_error: FunctionFailure | None = None

    @property
    def idle(self) -> bool:
        """Whether the runtime polls for an event and its last response has ended."""
        return self.phase is Phase.READY and self._has_poll and not self._truncated

    @property
    def _has_poll(self) -> bool:
        return any(not poll.done() for poll in self._polls)

    def deliver(self, invocation: FunctionInvocation, deadline_ms: int) -> None:
        """Give the invocation to the runtime, which must be `idle`, as the response to its poll.

        ``deadline_ms`` is in milliseconds since 1970.
        """
        poll = next(poll for poll in self._polls if not poll.done())
        self._current = invocation
        self._move_to(Phase.INVOKED)
        poll.set_result((invocation, deadline_ms))

    async def respond(self, connection: Connection, request: Request) -> None:
        """Respond to one request of the runtime."""
        route = request.path.removeprefix(_PREFIX).split("/")
        known = request.path.startswith(_PREFIX)
        match request.method, route:
            case "GET", ["invocation", "next"] if known:
                await self._next(connection)
            case "POST", ["init", "error"] if known:
                await self._take_init_error(connection, request)
            case "POST", ["invocation", request_id, "response" | "error" as kind] if known:
                await self._finish_invocation(connection, request, request_id, kind)
            case _:
                text = f"The Runtime API has no {request.method} {request.path}"
                await _refuse(connection, 404, "NotFound", text)

    async def _next(self, connection: Connection) -> None:
        if self.phase is Phase.INVOKED and not await self._response_begins():
            await self._forbid(connection, "Ready")
            return
        poll: asyncio.Future[tuple[FunctionInvocation, int]] = (
            asyncio.get_running_loop().create_future()
        )
        self._polls.append(poll)
        if self.phase is not Phase.RESPONDING:
            self._move_to(Phase.READY)
        try:
            invocation, deadline_ms = await connection.unless_gone(poll)
        finally:
            self._polls.remove(poll)
            self._changes.notify()
        optional = (
            ("lambda-runtime-client-context", invocation.client_context),
            ("lambda-runtime-aws-tenant-id", invocation.tenant_id),
        )
        headers = [
            _JSON,
            ("lambda-runtime-aws-request-id", invocation.request_id),
            ("lambda-runtime-deadline-ms", str(deadline_ms)),
            ("lambda-runtime-invoked-function-arn", invocation.function_arn),
            ("lambda-runtime-trace-id", invocation.trace_id),
            *(header for header in optional if header[1]),
        ]
        await connection.respond(200, headers, invocation.event)

    async def _response_begins(self) -> bool:
        """Wait for a response that may be arriving on another connection; return whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_OVERTAKING_S):
                await self._changes.until(lambda: self.phase is not Phase.INVOKED)
        return self.phase is not Phase.INVOKED

    async def _take_init_error(self, connection: Connection, request: Request) -> None:
        if self.phase is not Phase.INIT:
            await self._forbid(connection, "InitError")
            return
        self.init_error = await _read_error(connection, request)
        self._changes.notify()
        await _accept(connection)

    async def _finish_invocation(
        self, connection: Connection, request: Request, request_id: str, kind: str
    ) -> None:
        invocation = self._current
        mode = request.header("lambda-runtime-function-response-mode").lower()
        if invocation is None or invocation.request_id != request_id:
            await _refuse(connection, 400, "InvalidRequestID", "Invalid request ID")
        elif self.phase is not Phase.INVOKED:
            await self._forbid(connection, f"Invocation{kind.capitalize()}")
        elif kind == "error":
            self._move_to(Phase.RESPONDING)
            invocation.response.finish(await _read_error(connection, request))
            self._move_to(Phase.RESPONDED)
            await _accept(connection)
        elif mode not in ("", "streaming"):
            text = f"{mode} is not a response mode"
            error = FunctionFailure.of_invocation(
                "Runtime.InvalidResponseModeHeader", request_id, text
            )
            invocation.response.finish(error)
            self._move_to(Phase.RESPONDED)
            text = "Invalid function response mode"
            await _refuse(connection, 400, "InvalidFunctionResponseMode", text)
        else:
            await self._take_response(connection, request, invocation, streamed=mode != "")

    async def _take_response(
        self,
        connection: Connection,
        request: Request,
        invocation: FunctionInvocation,
        *,
        streamed: bool,
    ) -> None:
        self._move_to(Phase.RESPONDING)
        content_type = request.header("content-type")
        max_bytes = self._max_bytes if streamed else MAX_BUFFERED_BYTES
        try:
            if streamed:
                await invocation.response.put(ResponseStart(content_type, streamed=True))
                await self._pass_on(connection, invocation, max_bytes)
                invocation.response.finish(_trailing_error(connection.trailers))
            else:
                body = await connection.read_body(max_bytes)
                await invocation.response.put(ResponseStart(content_type, streamed=False))
                await invocation.response.put(body)
                invocation.response.finish()
        except BodyTooLarge:
            text = (
                f"Response payload size exceeded maximum allowed payload size ({max_bytes} bytes)."
            )
            error = FunctionFailure.of_invocation(
                "Function.ResponseSizeTooLarge", invocation.request_id, text
            )
            invocation.response.finish(error)
            async for _ in connection.body():
                pass  # a runtime that is still sending would not read the refusal
            self._move_to(Phase.RESPONDED)
            await _refuse(connection, 413, "RequestEntityTooLarge", text)
        except (ClientGone, BadRequest):
            await self._end_truncated(invocation)
            raise
        else:
            self._move_to(Phase.RESPONDED)
            await _accept(connection)

    async def _pass_on(
        self, connection: Connection, invocation: FunctionInvocation, max_bytes: int
    ) -> None:
        bandwidth = self._bandwidth() if self._bandwidth else None
        total = 0
        async with contextlib.aclosing(connection.body()) as pieces:
            async for piece in pieces:
                total += len(piece)
                if total > max_bytes:
                    raise BodyTooLarge
                if bandwidth:
                    await bandwidth.take(len(piece))
                await invocation.response.put(piece)

    async def _end_truncated(self, invocation: FunctionInvocation) -> None:
        # If the process is ending, that explains more, and the environment reports it.
        self._truncated = True
        self._move_to(Phase.RESPONDED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_GRACE_S):
                await self._changes.until(lambda: self._has_exited() or self._has_poll)
        if not self._has_exited():
            text = "The runtime closed the connection before the end of its response"
            error = FunctionFailure.of_invocation(
                "Runtime.TruncatedResponse", invocation.request_id, text
            )
            invocation.response.finish(error)
        self._truncated = False
        self._changes.notify()

    async def _forbid(self, connection: Connection, wanted: str) -> None:
        text = f"State transition from {self.phase.value} to {wanted} failed for runtime"
        await _refuse(connection, 403, "InvalidStateTransition", text)

    def _move_to(self, phase: Phase) -> None:
        # With two connections a runtime may poll for the next event before this response is done.
        asked_already = phase is Phase.RESPONDED and self._has_poll
        self.phase = Phase.READY if asked_already else phase
        self._changes.notify()


async def _read_error(connection: Connection, request: Request) -> FunctionFailure:
    body = await connection.read_body(MAX_BUFFERED_BYTES)
    error_type = request.header(_ERROR_TYPE) or "Runtime.Unknown"
    return FunctionFailure(error_type, body.decode("utf-8", "replace"))


def _trailing_error(trailers: dict[str, str]) -> FunctionFailure | None:
    error_type, body = trailers.get(_ERROR_TYPE, ""), trailers.get(_ERROR_BODY, "")
    if not error_type and not body:
        return None
    # AWS's runtimes send base64, others plain JSON, which is never valid base64.
    with contextlib.suppress(binascii.Error, UnicodeDecodeError):
        body = base64.b64decode(body, validate=True).decode()
    return FunctionFailure(error_type or "Runtime.Unknown", body)


async def _accept(connection: Connection) -> None:
    await connection.respond(202, (_JSON,), b'{"status":"OK"}')


async def _refuse(connection: Connection, status: int, error_type: str, message: str) -> None:
    body = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
    await connection.respond(status, (_JSON,), body)
