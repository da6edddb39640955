"""Calls an ASGI app for an invocation, in this process and on this event loop.

An HTTP event becomes the request that it describes. Every other event becomes ``POST /events`` with
the event as its body, as behind the Lambda Web Adapter. Like the adapter, we tell the app about
Lambda in two headers, which replace any that the client sent under the same names:

    x-amzn-lambda-context   JSON: request_id, deadline (milliseconds since 1970), …
    x-amzn-request-context  JSON: the event's requestContext; null if it has none

Sources: aws-lambda-web-adapter 1.0, src/lib.rs; aws-lambda-rust-runtime 1.x,
lambda-runtime/src/types.rs.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable

from app.aws.asgi_extensions import AFTERWARDS, DIRECT, OUTCOME
from app.lambda_runtime.asgi_lifespan import AsgiApp, Lifespan, Message
from app.lambda_runtime.http_scope import ASGI_VERSION, Scope, encode_headers, to_scope
from app.lambda_runtime.invocation import FunctionError, Invocation
from app.lambda_runtime.invocation_response import InvocationResponse
from app.lambda_runtime.lambda_call import FunctionConfig, LambdaCall
from app.lambda_runtime.runtime_api import ResponseRefused
from app.requests.lambda_events import MalformedEvent

_EVENTS_PATH = "/events"

logger = logging.getLogger("deltaline.runtime")


class AsgiHandler:
    """An ASGI app as a Lambda handler.

    Args:
        app: ASGI 3.
        config: of the function.
        base_path: the prefix that a custom domain adds to every path.
    """

    def __init__(self, app: AsgiApp, config: FunctionConfig, *, base_path: str = "") -> None:
        self._app = app
        self._config = config
        self._base_path = base_path
        self._lifespan = Lifespan(app)

    async def start(self) -> None:
        """Run the app's start-up. Raises `LifespanFailed`."""
        await self._lifespan.start()

    async def stop(self) -> None:
        """Run the app's shut-down."""
        await self._lifespan.stop()

    def end_turns(self) -> None:
        """End the running turns of our app, each with its error part; other apps have none."""
        turns = getattr(getattr(self._app, "state", None), "turns", None)
        if turns is not None:
            turns.stop_all()

    async def __call__(self, call: LambdaCall, response: InvocationResponse) -> None:
        """Call the app. An exception is passed on if the app's response is not complete by then.

        The invocation's response ends when the app returns, because only then is the outcome of the
        turn known. The app's background tasks run before that: once the response has ended, Lambda
        may freeze the process. What it has put into `AFTERWARDS` runs after that, and before the
        runtime asks for the next event.
        """
        try:
            scope, body = self._request(call)
        except MalformedEvent as error:
            await _refuse(response, str(error))
            return
        outcome: dict[str, str] = {}
        afterwards: list[Callable[[], Awaitable[None]]] = []
        scope["extensions"] = {OUTCOME: outcome, AFTERWARDS: afterwards}
        if call.is_direct:
            scope["extensions"][DIRECT] = {}
        scope["state"] = self._lifespan.state.copy()
        exchange = _Exchange(body, response)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            if exchange.refused is not None:
                raise exchange.refused from None
            if not exchange.is_complete:
                raise
            # Starlette sends a 500 and then raises the exception again, for the server's log.
            logger.error("the application failed after its answer", exc_info=error)
        finally:
            exchange.disconnect()
        if exchange.refused is not None:
            raise exchange.refused
        if not exchange.is_complete:
            raise RuntimeError("the application returned before its answer was complete")
        await response.end(_failure(outcome))
        for call_back in afterwards:
            await call_back()

    def _request(self, call: LambdaCall) -> tuple[Scope, bytes]:
        invocation = call.invocation
        headers = {
            "x-amzn-lambda-context": _lambda_context(invocation, self._config),
            "x-amzn-request-context": "null",
            "x-amz-tenant-id": invocation.tenant_id or "",
        }
        if invocation.trace_id:
            headers["x-amzn-trace-id"] = invocation.trace_id
        if not call.kind.is_http:
            return _event_scope(invocation, headers), invocation.payload
        headers["x-amzn-request-context"] = json.dumps(call.event["requestContext"])
        return to_scope(call.kind, call.event, headers=headers, base_path=self._base_path)


class _Exchange:
    """`receive` and `send` of one request.

    Attributes:
        is_complete: whether the app has sent its whole response.
        refused: why Lambda refused the response, if it did.
    """

    def __init__(self, body: bytes, response: InvocationResponse) -> None:
        self._body: bytes | None = body
        self._response = response
        self._has_begun = False
        self._left = asyncio.Event()
        self.is_complete = False
        self.refused: ResponseRefused | None = None

    def disconnect(self) -> None:
        """Tell the app that the client is gone."""
        self._left.set()

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "http.response.start" if not self._has_begun:
                self._has_begun = True
                self._response.begin(message["status"], message.get("headers", ()))
            case "http.response.body" if self._has_begun and not self.is_complete:
                try:
                    await self._response.write(message.get("body", b""))
                except ResponseRefused as error:
                    self.refused = error
                    self.disconnect()
                    raise
                if not message.get("more_body", False):
                    self.is_complete = True
                    self.disconnect()
            case other:
                raise RuntimeError(f"the application sent {other} where it cannot stand")


def _event_scope(invocation: Invocation, headers: dict[str, str]) -> Scope:
    fields = {
        "host": "localhost",
        "content-type": "application/json",
        "content-length": str(len(invocation.payload)),
        "x-request-id": invocation.request_id,
        **headers,
    }
    return {
        "type": "http",
        "asgi": ASGI_VERSION,
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": _EVENTS_PATH,
        "raw_path": _EVENTS_PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": encode_headers({name: [value] for name, value in fields.items()}),
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 80),
    }


def _lambda_context(invocation: Invocation, config: FunctionConfig) -> str:
    return json.dumps(
        {
            "request_id": invocation.request_id,
            "deadline": invocation.deadline_ms,
            "invoked_function_arn": invocation.function_arn,
            "xray_trace_id": invocation.trace_id,
            "client_context": invocation.client_context,
            "identity": invocation.identity,
            "env_config": {
                "function_name": config.name,
                "memory": config.memory_mb,
                "version": config.version,
                "log_stream": config.log_stream,
                "log_group": config.log_group,
            },
            "tenant_id": invocation.tenant_id,
        }
    )


def _failure(outcome: dict[str, str]) -> FunctionError | None:
    code = outcome.get("error_code")
    if code is None:
        return None
    kind = f"Deltaline.{code}"
    return FunctionError(kind, outcome.get("error_message", ""), kind)


async def _refuse(response: InvocationResponse, sentence: str) -> None:
    body = json.dumps({"success": False, "error": sentence}).encode()
    await response.send_buffered(400, [(b"content-type", b"application/json")], body)
