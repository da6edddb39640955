"""The emulator's public port: finds the address a request is for, and responds to it.

Lambda's two invoke addresses are in `lambda_api`; every other path belongs to the Function URL.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from app.emulator import function_url, lambda_api
from app.emulator.admission import refusal, sites_of
from app.emulator.connection import BodyTooLarge, ClientGone, Connection, Request
from app.emulator.function import MAX_EVENT_BYTES, Function
from app.emulator.function_response import FunctionFailure, FunctionInvocation
from app.emulator.function_url import UrlRefused
from app.emulator.http_response import INVALID_PRELUDE
from app.emulator.lambda_api import LambdaApiError
from app.emulator.options import DEFAULT_FUNCTION, Options
from app.emulator.output import Console

_BODY_TIMEOUT_S = 60.0


class PublicPort:
    """Responds to every request to the public port.

    Args:
        function: finds the function for a name.
        port: returns the number of the public port.
    """

    def __init__(
        self,
        options: Options,
        function: Callable[[str], Function],
        port: Callable[[], int],
        console: Console,
    ) -> None:
        self._options = options
        self._sites = sites_of(options)
        self._function = function
        self._port = port
        self._console = console

    async def respond(self, connection: Connection, request: Request) -> None:
        """Respond to one request, live."""
        body = await _read_body(connection)
        address = lambda_api.match_address(request.path)
        refused = refusal(
            self._sites,
            request,
            token=self._options.auth_token,
            invokes=address is not None,
        )
        if refused is not None:
            head, error_body = refused
            cors_headers = lambda_api.page_cors(request)[0]
            await connection.respond(head.status, (*head.headers, *cors_headers), error_body)
        elif address is None:
            await self._respond_as_url(connection, request, body)
        elif request.method == "OPTIONS":
            await connection.respond(204, lambda_api.page_cors(request)[1], b"")
        else:
            await self._respond_as_api(connection, request, body, *address)

    async def _respond_as_api(
        self,
        connection: Connection,
        request: Request,
        body: bytes | None,
        operation: str,
        name: str,
    ) -> None:
        cors_headers = lambda_api.page_cors(request)[0]
        try:
            invocation = lambda_api.start_invocation(self._function(name), request, body)
        except LambdaApiError as error:
            head, error_body = error.response
            await connection.respond(head.status, (*head.headers, *cors_headers), error_body)
            return
        with self._noticing(invocation):
            if operation == "stream":
                await lambda_api.respond_to_stream(
                    connection, request, invocation, buffered=self._options.buffered
                )
            else:
                failure = await lambda_api.respond_to_invoke(
                    connection,
                    request,
                    invocation,
                    raw=self._options.raw_invoke,
                    buffered=self._options.buffered,
                    cors_headers=cors_headers,
                )
                self._explain(invocation, failure)

    async def _respond_as_url(
        self, connection: Connection, request: Request, body: bytes | None
    ) -> None:
        preflight_headers = function_url.preflight_headers(self._options.cors, request)
        if preflight_headers is not None:
            await connection.respond(200, preflight_headers, b"")
            return
        cors_headers = function_url.cors_headers(self._options.cors, request)
        try:
            invocation = function_url.start_invocation(
                self._function(DEFAULT_FUNCTION), request, body, port=self._port()
            )
        except UrlRefused as refused:
            head, error_body = refused.response
            await connection.respond(head.status, (*head.headers, *cors_headers), error_body)
            return
        with self._noticing(invocation):
            failure = await function_url.respond(
                connection, invocation, buffered=self._options.buffered, cors_headers=cors_headers
            )
            self._explain(invocation, failure)

    def _explain(
        self, invocation: FunctionInvocation | None, failure: FunctionFailure | None
    ) -> None:
        """Print the one failure that the environment cannot report: it does not read preludes."""
        if invocation is not None and failure is not None and failure.type == INVALID_PRELUDE:
            self._console.problem(f"{invocation.request_id}: {failure.body}")

    @contextlib.contextmanager
    def _noticing(self, invocation: FunctionInvocation | None) -> Iterator[None]:
        """Print a notice if the caller leaves before the response is complete."""
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
            return await connection.read_body(MAX_EVENT_BYTES)
    except TimeoutError as error:
        raise ClientGone("the request's body did not come") from error
    except BodyTooLarge:
        return None
