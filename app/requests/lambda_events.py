"""Tells the events of a Lambda function apart.

A function gets everything as an event: requests through a Function URL, API Gateway or a load
balancer, JSON that a program sends through the SDK, and what a scheduler sends to keep it warm. The
kind of an event decides who handles it and how the response is framed.

Sources: the event examples of the Lambda and API Gateway developer guides; aws-lambda-rust-runtime
1.x, lambda-http/src/deserializer.rs, by which the Lambda Web Adapter tells events apart.
"""

import enum
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from app.requests.shapes import RequestShape, find_shape

_WARM_UP_KEYS = ("warmer", "warmup", "warm_up", "keep_warm")
_WARM_UP_SOURCES = frozenset({"aws.events", "aws.scheduler", "serverless-plugin-warmup"})


class MalformedEvent(ValueError):
    """The event cannot be used; the message is one sentence for its sender."""


class EventKind(enum.StrEnum):
    """Kinds of events. Of the four HTTP fronts, two stream the response and two buffer it."""

    FUNCTION_URL = "function_url_v2"
    REST_API = "apigw_v1"
    HTTP_API = "apigw_v2"
    ALB = "alb"
    DIRECT = "direct"
    DIRECT_BODY = "direct_body"
    USE_CHAT = "use_chat"
    PROMPT = "prompt"
    TOOL_CALL = "tool_call"
    WARM_UP = "warm_up"
    UNKNOWN = "unknown"
    MALFORMED = "malformed"

    @property
    def is_http(self) -> bool:
        """Whether the event is a request of an HTTP client."""
        return self in _HTTP

    @property
    def is_streamed(self) -> bool:
        """Whether the response can be streamed.

        A load balancer and an HTTP API cannot stream: they call `Invoke`, which returns one JSON
        document.
        """
        return self not in _BUFFERED

    @property
    def is_ignored(self) -> bool:
        """Whether the event is none that we serve, but no error either.

        Schedulers and fronts send what nobody asked for, and an error would only be retried.
        """
        return self in _IGNORED


_HTTP = frozenset({EventKind.FUNCTION_URL, EventKind.REST_API, EventKind.HTTP_API, EventKind.ALB})
_BUFFERED = frozenset({EventKind.HTTP_API, EventKind.ALB})
_IGNORED = frozenset({EventKind.WARM_UP, EventKind.UNKNOWN})
_OF_SHAPE = {
    RequestShape.DIRECT: EventKind.DIRECT,
    RequestShape.CHAT: EventKind.USE_CHAT,
    RequestShape.TOOL_CALL: EventKind.TOOL_CALL,
    RequestShape.PROMPT: EventKind.PROMPT,
    RequestShape.WRAPPED: EventKind.DIRECT_BODY,
}


def read_event(payload: bytes) -> Any:
    r"""Return the JSON value of an event.

    Raises:
        MalformedEvent: the payload is not JSON. A lone surrogate such as ``\ud800`` is accepted.
    """
    try:
        try:
            return msgspec.json.decode(payload)
        except msgspec.DecodeError:
            return json.loads(payload)
    except (ValueError, RecursionError):
        raise MalformedEvent("The event is not valid JSON.") from None


def classify(event: Any) -> EventKind:
    """Return the kind of a parsed event, whatever it holds.

    HTTP events are recognized by keys that only their fronts send, then requests by their shape,
    then events of schedulers. Most keep-warm tools send ``{}``.
    """
    if not isinstance(event, Mapping):
        return EventKind.MALFORMED
    context = event.get("requestContext")
    if isinstance(context, Mapping):
        return _http_kind(event, context)
    shape = find_shape(event)
    if shape is not None:
        return _OF_SHAPE[shape]
    return EventKind.WARM_UP if _is_warm_up(event) else EventKind.UNKNOWN


def _http_kind(event: Mapping[str, Any], context: Mapping[str, Any]) -> EventKind:
    if "elb" in context:
        return EventKind.ALB
    if isinstance(context.get("http"), Mapping):
        domain = str(context.get("domainName") or "")
        # The two fronts send the same event, but only an HTTP API has named routes, stages and this
        # domain. Any other host, such as localhost, most likely stands for a Function URL.
        is_http_api = (
            ".execute-api." in domain
            or event.get("routeKey", "$default") != "$default"
            or context.get("stage", "$default") != "$default"
        )
        return EventKind.HTTP_API if is_http_api else EventKind.FUNCTION_URL
    if "httpMethod" in event:
        return EventKind.REST_API
    # WebSocket APIs and authorizers have a request context too.
    return EventKind.UNKNOWN


def _is_warm_up(event: Mapping[str, Any]) -> bool:
    source = event.get("source")
    return (
        not event
        or (isinstance(source, str) and source in _WARM_UP_SOURCES)
        or event.get("detail-type") == "Scheduled Event"
        or any(event.get(key) for key in _WARM_UP_KEYS)
    )
