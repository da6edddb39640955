"""The event that a Function URL makes of an HTTP request.

Source: AWS's page "Invoking Lambda function URLs", section "Request and response payloads" (payload
format version 2.0).
"""

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from app.emulator.connection import Request

# A body of any other type reaches the function as base64.
_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "expect"}
)


def build_event(request: Request, body: bytes, *, port: int, trace_id: str, now: datetime) -> bytes:
    """Return the JSON event for a request.

    Args:
        port: the port the request came to, for ``x-forwarded-port``.
        now: the time of the request, in UTC.
    """
    headers = _headers(request, port, trace_id)
    host = headers.get("host", "").partition(":")[0]
    text, is_base64 = _encode_body(body, headers.get("content-type", ""))
    event: dict[str, object] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "emulated",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.client_host,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": is_base64,
    }
    cookies = [part.strip() for part in headers.get("cookie", "").split(";") if part.strip()]
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = _query_parameters(request.query)
    if body:
        event["body"] = text
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )


def _headers(request: Request, port: int, trace_id: str) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for name, value in request.headers:
        separator = "; " if name == "cookie" else ","
        joined[name] = f"{joined[name]}{separator}{value}" if name in joined else value
    forwarded = {
        "x-forwarded-for": request.client_host,
        "x-forwarded-port": str(port),
        "x-forwarded-proto": "http",
        "x-amzn-trace-id": trace_id,
    }
    kept = {name: value for name, value in joined.items() if name not in _HOP_BY_HOP}
    return {**kept, **forwarded}


def _query_parameters(query: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def _encode_body(body: bytes, content_type: str) -> tuple[str, bool]:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in _TEXT_TYPES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # not text, whatever its type says: only base64 keeps its bytes
    return base64.b64encode(body).decode(), bool(body)
