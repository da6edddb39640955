"""Encodes an HTTP response for the front that the request came through.

A front that streams wants a prelude before the body; any other front wants one JSON document:

    {"statusCode":200,"headers":{"content-type":"text/plain"},"body":"Hello","isBase64Encoded":false}

For a Function URL and an HTTP API the document has ``headers`` and ``cookies``, for a REST API
``multiValueHeaders``. For a load balancer it has ``statusDescription`` too, and ``headers`` or
``multiValueHeaders``, depending on which of them its events have.

Sources: the API Gateway guide on Lambda proxy integrations, the load balancer guide on Lambda
targets.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from app.aws.http_integration import Prelude
from app.requests.lambda_events import EventKind

# They describe the app's connection, not the client's.
_NOT_FORWARDED = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


def to_prelude(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Prelude:
    """Return the prelude for the status and the headers of an ASGI response."""
    kept: list[tuple[str, str]] = []
    cookies: list[str] = []
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name == "set-cookie":
            cookies.append(value)
        elif name not in _NOT_FORWARDED:
            kept.append((name, value))
    return Prelude(status, tuple(kept), tuple(cookies))


def encode_proxy_response(
    kind: EventKind, prelude: Prelude, body: bytes, *, multi_value: bool = True
) -> bytes:
    """Return the JSON document for a front that cannot stream.

    Args:
        kind: of the event; one of the HTTP kinds.
        prelude: status, headers and cookies.
        body: sent as base64 if it is not UTF-8 text.
        multi_value: for a load balancer, whether its event had ``multiValueHeaders``. Without them
            the document can hold only one cookie, the last.
    """
    response: dict[str, Any] = {"statusCode": prelude.status_code}
    cookies = [("set-cookie", cookie) for cookie in prelude.cookies]
    match kind:
        case EventKind.FUNCTION_URL | EventKind.HTTP_API:
            response["headers"] = _joined(prelude.headers)
            if prelude.cookies:
                response["cookies"] = prelude.cookies
        case EventKind.REST_API:
            response["multiValueHeaders"] = _lists((*prelude.headers, *cookies))
        case EventKind.ALB:
            response["statusDescription"] = _description(prelude.status_code)
            if multi_value:
                response["multiValueHeaders"] = _lists((*prelude.headers, *cookies))
            else:
                response["headers"] = {**_joined(prelude.headers), **dict(cookies)}
        case _:
            raise AssertionError(f"{kind} is not an HTTP event")
    try:
        response["body"] = body.decode()
        response["isBase64Encoded"] = False
    except UnicodeDecodeError:
        response["body"] = b64encode(body).decode()
        response["isBase64Encoded"] = True
    return msgspec.json.encode(response)


def _lists(headers: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in headers:
        lists.setdefault(name, []).append(value)
    return lists


def _joined(headers: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    return {name: ", ".join(values) for name, values in _lists(headers).items()}


def _description(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"
