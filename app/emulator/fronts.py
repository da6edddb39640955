"""What the emulator serves on its public port: Lambda's invoke addresses and a Function URL."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from app.emulator import cors, function_url
from app.emulator.connection import BodyTooLarge, ClientGone, Connection, Request
from app.emulator.function import Caller, Function, Throttled, new_trace_id
from app.emulator.http_response import INVALID_PRELUDE, Head, HttpFront, WholeAnswer, proxy_answer
from app.emulator.lambda_api import (
    LambdaApiError,
    answer_invoke,
    answer_stream,
    begin,
    match_address,
    page_cors,
)
from app.emulator.options import DEFAULT_FUNCTION, Options
from app.emulator.output import Console
from app.emulator.reply import FunctionError, Invocation

MAX_REQUEST_BYTES = 6 * 1024 * 1024
_BODY_TIMEOUT_S = 60.0
_JSON = ("content-type", "application/json")


# What a Function URL says where Lambda or the function failed before the first byte.
_BAD_GATEWAY = Head(502, (_JSON,)), b'{"Message":"Internal Server Error"}'
_THROTTLED = Head(429, (_JSON, ("x-amzn-errortype", "TooManyRequestsException")))


class Fronts:
    """Answers every request to the public port.

    Args:
        function: finds the function for a name.
        port: returns the public port.
    """

    def __init__(
        self,
        options: Options,
        function: Callable[[str], Function],
        port: Callable[[], int],
        console: Console,
    ) -> None:
        self._options = options
        self._function = function
        self._port = port
        self._console = console

    async def respond(self, connection: Connection, request: Request) -> None:
        """Answer one request, live."""
        body = await _read_body(connection)
        address = match_address(request.path)
        if address is None:
            await self._answer_url(connection, request, body)
        elif request.method == "OPTIONS":
            await connection.respond(204, page_cors(request)[1], b"")
        else:
            await self._answer_api(connection, request, body, *address)

    async def _answer_api(
        self,
        connection: Connection,
        request: Request,
        body: bytes | None,
        operation: str,
        name: str,
    ) -> None:
        cors_headers = page_cors(request)[0]
        try:
            invocation = begin(self._function(name), request, body)
        except LambdaApiError as error:
            head, error_body = error.answer
            await connection.respond(head.status, (*head.headers, *cors_headers), error_body)
            return
        with self._noticing(invocation):
            if operation == "stream":
                await answer_stream(
                    connection, request, invocation, buffered=self._options.buffered
                )
            else:
                function_error = await answer_invoke(
                    connection,
                    request,
                    invocation,
                    raw=self._options.raw_invoke,
                    buffered=self._options.buffered,
                    cors_headers=cors_headers,
                )
                self._explain(invocation, function_error)

    async def _answer_url(
        self, connection: Connection, request: Request, body: bytes | None
    ) -> None:
        headers = dict(request.headers)
        if self._options.cors is not None and cors.is_preflight(request.method, headers):
            allowed = cors.preflight_headers(self._options.cors, headers)
            await connection.respond(200, allowed, b"")
            return
        added = cors.answer_headers(self._options.cors, headers) if self._options.cors else []
        trace_id = request.header("x-amzn-trace-id") or new_trace_id()
        event = None
        if body is not None:
            event = function_url.build_event(
                request, body, port=self._port(), trace_id=trace_id, now=datetime.now(UTC)
            )
        if event is None or len(event) > MAX_REQUEST_BYTES:
            too_large = (_JSON, *added)
            await connection.respond(413, too_large, b'{"Message":"Request Entity Too Large"}')
            return
        try:
            invocation = self._function(DEFAULT_FUNCTION).invoke(event, Caller(trace_id=trace_id))
        except Throttled:
            body = b'{"Message":"Rate Exceeded."}'
            await connection.respond(_THROTTLED.status, (*_THROTTLED.headers, *added), body)
            return
        front = HttpFront(
            apply_prelude=True,
            buffered=self._options.buffered,
            headers=(
                ("x-amzn-requestid", invocation.request_id),
                ("x-amzn-trace-id", trace_id),
            ),
            doubled_headers=added,
            of_error=_bad_gateway,
            of_result=proxy_answer,
        )
        with self._noticing(invocation):
            self._explain(invocation, await front.send(connection, invocation))

    def _explain(self, invocation: Invocation | None, error: FunctionError | None) -> None:
        """Say what only the front knows: the environment has reported its own errors."""
        if invocation is not None and error is not None and error.type == INVALID_PRELUDE:
            self._console.problem(f"{invocation.request_id}: {error.body}")

    @contextlib.contextmanager
    def _noticing(self, invocation: Invocation | None) -> Iterator[None]:
        try:
            yield
        except ClientGone:
            if invocation is not None:
                text = "the caller left; the function is not told and runs on, as on Lambda"
                self._console.notice(f"{invocation.request_id}: {text}")
            raise


async def _read_body(connection: Connection) -> bytes | None:
    """Return the request's body, `None` if it is larger than Lambda takes."""
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            return await connection.read_body(MAX_REQUEST_BYTES)
    except TimeoutError as error:
        raise ClientGone("the request's body did not come") from error
    except BodyTooLarge:
        return None


def _bad_gateway(error: FunctionError) -> WholeAnswer:
    return _BAD_GATEWAY
