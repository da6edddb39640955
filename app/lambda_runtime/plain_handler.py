"""Calls a plain function, ``handler(event, context)``, for an invocation.

    def handler(event, context):          async def handler(event, context):
        yield b"Hello "                       yield b"Hello "
        yield b"world"                        yield b"world"

A generator or async generator streams the bytes that it yields. Any other function, async or not,
returns one value: bytes are sent as they are, everything else as JSON, as by AWS's own runtime. A
function that is not async runs in a thread, so that it may block without delaying other
invocations.

For an HTTP event, ``event`` is the JSON value of the request's body (``{}`` if the body is empty),
the event itself is ``context.http_event``, and the response has status 200. The attribute
``content_type`` of the function sets the response's content type.
"""

import asyncio
import contextlib
import inspect
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any, TypeAlias

from app.lambda_runtime.http_scope import to_scope
from app.lambda_runtime.invocation import Invocation
from app.lambda_runtime.invocation_response import InvocationResponse
from app.lambda_runtime.lambda_call import FunctionConfig, LambdaCall
from app.requests.lambda_events import MalformedEvent, read_event
from app.threads import run_in_thread, run_on_loop

_BYTES = "application/octet-stream"
_JSON = "application/json"

_Send: TypeAlias = Callable[[object], Coroutine[Any, Any, None]]


class Context:
    """What a plain handler is told about its invocation. The names are those of AWS's runtime.

    Attributes:
        deadline_ms: when Lambda stops the function, in milliseconds since 1970.
        client_context, identity: JSON values; ``None`` if the caller sent none.
        http_event: the event of a Function URL, API Gateway or a load balancer, else ``None``.
    """

    def __init__(self, invocation: Invocation, config: FunctionConfig, http_event: Any) -> None:
        self.aws_request_id = invocation.request_id
        self.invoked_function_arn = invocation.function_arn
        self.deadline_ms = invocation.deadline_ms
        self.trace_id = invocation.trace_id
        self.client_context = invocation.client_context
        self.identity = invocation.identity
        self.tenant_id = invocation.tenant_id
        self.function_name = config.name
        self.function_version = config.version
        self.memory_limit_in_mb = config.memory_mb
        self.log_group_name = config.log_group
        self.log_stream_name = config.log_stream
        self.http_event = http_event

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the handler may still run, in milliseconds; never negative."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


class PlainHandler:
    """A plain function as a Lambda handler.

    Args:
        function: takes event and context.
        config: of the function.
    """

    def __init__(self, function: Callable[[Any, Context], Any], config: FunctionConfig) -> None:
        self._function = function
        self._config = config
        self._content_type: str | None = getattr(function, "content_type", None)

    async def start(self) -> None:
        """Do nothing: a plain handler is started by its import."""

    async def stop(self) -> None:
        """Do nothing."""

    def end_turns(self) -> None:
        """Do nothing: a function of somebody else has no turns."""

    async def __call__(self, call: LambdaCall, response: InvocationResponse) -> None:
        """Call the function and send what it gives. Its exceptions are passed on.

        Raises:
            MalformedEvent: the event is not JSON.
        """
        if not call.is_json:
            raise MalformedEvent("The event is not valid JSON.")
        event = call.event
        if call.kind.is_http:
            try:
                event = _posted(call)
            except MalformedEvent as error:
                refusal = json.dumps({"success": False, "error": str(error)}).encode()
                await response.send_buffered(400, _headers(_JSON), refusal)
                return
        context = Context(call.invocation, self._config, call.event if call.kind.is_http else None)
        response.begin(200, _headers(self._content_type or _BYTES))

        async def send(piece: object) -> None:
            await response.write(_checked(piece))

        returned = await self._run(event, context, send)
        if isinstance(returned, AsyncIterator):
            async with _closing(returned):
                async for piece in returned:
                    await send(piece)
            await response.end()
        elif returned is _STREAMED:
            await response.end()
        else:
            body, content_type = _encode(returned)
            await response.send_buffered(200, _headers(self._content_type or content_type), body)

    async def _run(self, event: Any, context: Context, send: _Send) -> Any:
        """Call the function. A blocking iterator is sent from its thread, piece by piece.

        Returns:
            What the function returned, or `_STREAMED` if everything has been sent.
        """
        called = self._function
        if _is_async(called):
            returned = called(event, context)
            return await returned if inspect.isawaitable(returned) else returned
        loop = asyncio.get_running_loop()

        def work() -> Any:
            returned = called(event, context)
            if not isinstance(returned, Iterator):
                return returned
            try:
                for piece in returned:
                    run_on_loop(send(piece), loop)
            finally:
                if isinstance(returned, Generator):
                    returned.close()
            return _STREAMED

        returned = await run_in_thread(work, name="handler")
        return await returned if inspect.isawaitable(returned) else returned


# What `_run` returns for an iterator that it has sent to its end.
_STREAMED = object()


def _posted(call: LambdaCall) -> Any:
    _, body = to_scope(call.kind, call.event)
    if not body.strip():
        return {}
    try:
        return read_event(body)
    except MalformedEvent:
        raise MalformedEvent("The request body is not valid JSON.") from None


def _headers(content_type: str) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", content_type.encode())]


def _checked(piece: object) -> bytes:
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    raise TypeError(f"the handler yielded {type(piece).__name__}, not bytes; encode it first")


def _encode(value: object) -> tuple[bytes, str]:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), _BYTES
    try:
        return json.dumps(value).encode(), _JSON
    except (TypeError, ValueError) as error:
        raise TypeError(f"the handler returned what is neither bytes nor JSON: {error}") from error


def _is_async(function: Callable[..., Any]) -> bool:
    return any(
        inspect.iscoroutinefunction(candidate) or inspect.isasyncgenfunction(candidate)
        for candidate in (function, getattr(function, "__call__", None))  # noqa: B004
    )


@contextlib.asynccontextmanager
async def _closing(iterator: AsyncIterator[Any]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
