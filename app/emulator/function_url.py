"""The Function URL: refusals, CORS and responses as Lambda's own have them.

`function_url_event` makes the event of a request; the response to it is made here.

Source: AWS's page "Invoking Lambda function URLs", section "Request and response payloads" (payload
format version 2.0).
"""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from app.aws.http_integration import PreludeDecoder
from app.emulator import cors
from app.emulator.connection import Connection, Headers, Request
from app.emulator.cors import Cors
from app.emulator.function import MAX_EVENT_BYTES, Caller, Function, Throttled, new_trace_id
from app.emulator.function_response import FunctionFailure, FunctionInvocation
from app.emulator.function_url_event import build_event
from app.emulator.http_response import Head, HttpResponder, WholeResponse, head_of_prelude

_JSON = ("content-type", "application/json")
_TOO_LARGE = Head(413, (_JSON,)), b'{"Message":"Request Entity Too Large"}'
_THROTTLED = (
    Head(429, (_JSON, ("x-amzn-errortype", "TooManyRequestsException"))),
    b'{"Message":"Rate Exceeded."}',
)
# Sent if Lambda or the function failed before the first byte.
_BAD_GATEWAY = Head(502, (_JSON,)), b'{"Message":"Internal Server Error"}'


class UrlRefused(Exception):
    """The Function URL refuses the request without invoking; ``response`` says why."""

    def __init__(self, response: WholeResponse) -> None:
        super().__init__(f"status {response[0].status}")
        self.response = response


def start_invocation(
    function: Function, request: Request, body: bytes | None, *, port: int
) -> FunctionInvocation:
    """Invoke the function with a request to its URL.

    Args:
        body: `None` if it was larger than 6 MB.
        port: the port the request came to.

    Raises:
        UrlRefused: the event is too large, or every environment is busy.
    """
    if body is None:
        raise UrlRefused(_TOO_LARGE)
    trace_id = request.header("x-amzn-trace-id") or new_trace_id()
    event = build_event(request, body, port=port, trace_id=trace_id, now=datetime.now(UTC))
    if len(event) > MAX_EVENT_BYTES:
        raise UrlRefused(_TOO_LARGE)
    try:
        return function.invoke(event, Caller(trace_id=trace_id))
    except Throttled as error:
        raise UrlRefused(_THROTTLED) from error


async def respond(
    connection: Connection,
    invocation: FunctionInvocation,
    *,
    buffered: bool,
    cors_headers: Headers,
) -> FunctionFailure | None:
    """Send the function's response; return its failure, if any.

    Raises:
        ClientGone
    """
    responder = HttpResponder(
        apply_prelude=True,
        buffered=buffered,
        headers=(
            ("x-amzn-requestid", invocation.request_id),
            ("x-amzn-trace-id", invocation.trace_id),
        ),
        doubled_headers=cors_headers,
        error_response=_bad_gateway,
        read_result=read_proxy_result,
    )
    return await responder.respond(connection, invocation)


def preflight_headers(configuration: Cors | None, request: Request) -> Headers | None:
    """Return the headers of the response if Lambda itself responds to this preflight, else `None`.

    Without a CORS configuration a preflight is a request like any other and the function gets it.
    """
    headers = dict(request.headers)
    if configuration is None or not cors.is_preflight(request.method, headers):
        return None
    return cors.preflight_headers(configuration, headers)


def cors_headers(configuration: Cors | None, request: Request) -> Headers:
    """Return the CORS headers that Lambda adds to every response to this request."""
    return cors.response_headers(configuration, dict(request.headers)) if configuration else []


def read_proxy_result(result: bytes) -> WholeResponse:
    """Read what the function returned as a Function URL without streaming does.

    ``{"statusCode": …, "headers": …, "cookies": …, "body": …, "isBase64Encoded": …}`` becomes an
    HTTP response with these parts; any other JSON becomes the body of a 200.
    """
    plain = Head(200, (("content-type", "application/json"),)), result
    try:
        value: Any = json.loads(result)
        if not isinstance(value, dict) or "statusCode" not in value:
            return plain
        head = {key: value[key] for key in ("statusCode", "headers", "cookies") if value.get(key)}
        prelude = PreludeDecoder().feed(json.dumps(head).encode() + bytes(8))
        body = value.get("body") or ""
        text = body if isinstance(body, str) else json.dumps(body)
        raw = base64.b64decode(text) if value.get("isBase64Encoded") else text.encode()
    except (ValueError, binascii.Error):
        return plain
    return (head_of_prelude(prelude), raw) if prelude is not None else plain


def _bad_gateway(error: FunctionFailure) -> WholeResponse:
    return _BAD_GATEWAY
