"""An HTTP answer on its way to the front that asked: as a prelude, or as one JSON document.

    {"statusCode":200,"headers":{"content-type":"text/plain"},"body":"Hello","isBase64Encoded":false}

A Function URL (HTTP API) has ``headers`` and ``cookies``, a REST API ``multiValueHeaders``; a load
balancer has ``statusDescription``, and lists only if its events came with lists.

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

# They describe one connection, which is not the one to the client.
_NOT_FORWARDED = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})


def to_prelude(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Prelude:
    """Return the prelude for an ASGI answer's status and headers."""
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
    """Return the JSON document that a front without streaming wants.

    Args:
        kind: one of the HTTP kinds.
        prelude: status, headers and cookies.
        body: what is not UTF-8 text goes as base64.
        multi_value: for a load balancer, whether the event had ``multiValueHeaders``. Without them
            only the last cookie can be told.
    """
    response: dict[str, Any] = {"statusCode": prelude.status_code}
    if kind is EventKind.ALB:
        response["statusDescription"] = _description(prelude.status_code)
    cookies = [("set-cookie", cookie) for cookie in prelude.cookies]
    if kind is EventKind.REST_API or (kind is EventKind.ALB and multi_value):
        response["multiValueHeaders"] = _lists((*prelude.headers, *cookies))
    else:
        response["headers"] = {
            name: ", ".join(values) for name, values in _lists(prelude.headers).items()
        }
        if kind is EventKind.ALB:
            response["headers"].update(cookies)
        elif prelude.cookies:
            response["cookies"] = prelude.cookies
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


def _description(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"
