"""Lambda's two addresses for invoking a function: `Invoke` and `InvokeWithResponseStream`.

    POST /2015-03-31/functions/{name}/invocations
    POST /2021-11-15/functions/{name}/response-streaming-invocations

Headers, status codes and errors as in botocore's Lambda service model (API version 2015-03-31).
"""

import base64
import binascii
import contextlib
import json
import re
from typing import Literal
from urllib.parse import unquote

from app.aws.event_stream import CONTENT_TYPE, InvokeComplete, PayloadChunk, encode_event
from app.emulator import cors
from app.emulator.connection import Connection, Headers, Request
from app.emulator.function import Caller, Function, Throttled
from app.emulator.function_response import FunctionFailure, FunctionInvocation, ResponseEnd
from app.emulator.http_response import Head, HttpResponder, WholeResponse

_ADDRESS = re.compile(
    r"/(?:2015-03-31/functions/([^/]+)/invocations"
    r"|2021-11-15/functions/([^/]+)/response-streaming-invocations)/?"
)
_JSON = ("content-type", "application/json")
_STATUS = {
    "InvalidRequestContentException": 400,
    "InvalidParameterValueException": 400,
    "MethodNotAllowed": 405,
    "RequestTooLargeException": 413,
    "TooManyRequestsException": 429,
}


class LambdaApiError(Exception):
    """Lambda refuses to invoke. ``name`` is the exception that the AWS SDKs raise."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.status = _STATUS[name]

    @property
    def response(self) -> WholeResponse:
        body = {"Type": "User", "message": str(self)}
        if self.name == "TooManyRequestsException":
            body["Reason"] = "ReservedFunctionConcurrentInvocationLimitExceeded"
        headers = (_JSON, ("x-amzn-errortype", self.name))
        return Head(self.status, headers), json.dumps(body).encode()


def match_address(path: str) -> tuple[Literal["invoke", "stream"], str] | None:
    """Return the operation and the function's name in a path; `None` for other paths.

    The path may name the function by a full or partial ARN, with a version or alias.
    """
    match = _ADDRESS.fullmatch(path)
    if match is None:
        return None
    name = unquote(match[1] or match[2])
    plain = name.rpartition("function:")[2].partition(":")[0]
    return ("invoke" if match[1] else "stream"), plain


def caller_of(request: Request) -> Caller:
    """Return what the headers say about the caller.

    Raises:
        LambdaApiError: the client context is not base64.
    """
    context = request.header("x-amz-client-context")
    try:
        client_context = base64.b64decode(context, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = "The client context is not base64."
        raise LambdaApiError("InvalidRequestContentException", text) from None
    tenant_id, trace_id = request.header("x-amz-tenant-id"), request.header("x-amzn-trace-id")
    return Caller(client_context, tenant_id, trace_id)


def start_invocation(
    function: Function, request: Request, body: bytes | None
) -> FunctionInvocation | None:
    """Start the invocation that a request asks for; return `None` for a dry run.

    Args:
        body: `None` if it was larger than 6 MB.

    Raises:
        LambdaApiError
    """
    if request.method != "POST":
        raise LambdaApiError("MethodNotAllowed", f"{request.path} takes POST only.")
    if body is None:
        text = "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
        raise LambdaApiError("RequestTooLargeException", text)
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        text = f"Could not parse request body into json: {error}"
        raise LambdaApiError("InvalidRequestContentException", text) from error
    caller = caller_of(request)
    if request.header("x-amz-invocation-type") == "DryRun":
        return None
    try:
        return function.invoke(body or b"{}", caller)
    except Throttled as error:
        raise LambdaApiError("TooManyRequestsException", "Rate Exceeded.") from error


async def respond_to_invoke(
    connection: Connection,
    request: Request,
    invocation: FunctionInvocation | None,
    *,
    raw: bool,
    buffered: bool,
    cors_headers: Headers,
) -> FunctionFailure | None:
    """Respond to `Invoke` with the function's response as the body, live. Lambda would buffer it.

    Returns the function's failure, if any.

    Raises:
        ClientGone
    """
    if invocation is None:
        await connection.respond(204, cors_headers, b"")
        return None
    headers: list[tuple[str, str]] = [*invocation_headers(invocation), *cors_headers]
    if request.header("x-amz-invocation-type") == "Event":
        invocation.response.abandon()
        await connection.respond(202, headers, b"")
        return None
    responder = HttpResponder(
        apply_prelude=not raw,
        buffered=buffered,
        headers=headers,
        error_response=_function_error,
        log_tail=request.header("x-amz-log-type") == "Tail",
    )
    return await responder.respond(connection, invocation)


async def respond_to_stream(
    connection: Connection,
    request: Request,
    invocation: FunctionInvocation | None,
    *,
    buffered: bool,
) -> None:
    """Respond to `InvokeWithResponseStream`: a `PayloadChunk` a piece, then `InvokeComplete`.

    Raises:
        ClientGone
    """
    if invocation is None:
        await connection.respond(204, (), b"")
        return
    response = invocation.response
    try:
        await connection.start(
            200, (("content-type", CONTENT_TYPE), *invocation_headers(invocation))
        )
        whole = bytearray()
        error: FunctionFailure | None = None
        async with contextlib.aclosing(response.events()) as events:
            async for event in events:
                match event:
                    case bytes() if buffered:
                        whole += event
                    case bytes():
                        await connection.send(encode_event(PayloadChunk(event)))
                    case ResponseEnd():
                        error = event.error
        if whole:
            await connection.send(encode_event(PayloadChunk(bytes(whole))))
        log: str | None = None
        if request.header("x-amz-log-type") == "Tail":
            log = base64.b64encode(await response.log_tail()).decode()
        code, details = (error.type, error.body) if error else (None, None)
        await connection.send(encode_event(InvokeComplete(code, details, log)))
        await connection.end()
    finally:
        response.abandon()


def page_cors(request: Request) -> tuple[Headers, Headers]:
    """Return the CORS headers for a page that invokes: for the response and for a preflight."""
    headers = dict(request.headers)
    local = cors.local_page(headers.get("origin", ""))
    return cors.response_headers(local, headers), cors.preflight_headers(local, headers)


def invocation_headers(invocation: FunctionInvocation) -> Headers:
    """Return the headers that Lambda adds to the response of an invocation."""
    return (
        ("x-amzn-requestid", invocation.request_id),
        ("x-amz-executed-version", "$LATEST"),
        ("x-amzn-trace-id", invocation.trace_id),
    )


def _function_error(error: FunctionFailure) -> WholeResponse:
    # The status is 200: the invocation succeeded, the function failed.
    return Head(200, (_JSON, ("x-amz-function-error", "Unhandled"))), error.body.encode()
