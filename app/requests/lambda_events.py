"""What kind of event a function was invoked with.

A Lambda function has one entrance for everything: requests through a Function URL, API Gateway or
a load balancer, JSON that a program sends through the SDK, what a scheduler sends to keep it warm.
The kind decides where an event goes and how its answer is framed.

Sources: the event examples of the Lambda and API Gateway developer guides; aws-lambda-rust-runtime
1.x, lambda-http/src/deserializer.rs, which the Lambda Web Adapter tells events apart with.
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
    """The event cannot be used; the message is one sentence for whoever sent it."""


class EventKind(enum.StrEnum):
    """Kinds of events. Of the HTTP ones, two fronts stream the answer and two want it whole."""

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
        """Whether an HTTP client waits at the other end."""
        return self in _HTTP

    @property
    def is_streamed(self) -> bool:
        """Whether the front can pass on an answer while it is made.

        A load balancer and an HTTP API cannot: they call `Invoke` and want one JSON document.
        """
        return self not in _WHOLE

    @property
    def is_request(self) -> bool:
        """Whether somebody wants an answer from the application, over HTTP or not."""
        return self not in _NO_REQUEST


_HTTP = frozenset({EventKind.FUNCTION_URL, EventKind.REST_API, EventKind.HTTP_API, EventKind.ALB})
_WHOLE = frozenset({EventKind.HTTP_API, EventKind.ALB})
_NO_REQUEST = frozenset({EventKind.WARM_UP, EventKind.UNKNOWN, EventKind.MALFORMED})
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
        MalformedEvent: no JSON. An escape like ``\ud800`` without its other half is JSON to us.
    """
    try:
        try:
            return msgspec.json.decode(payload)
        except msgspec.DecodeError:
            return json.loads(payload)
    except (ValueError, RecursionError):
        raise MalformedEvent("The event is not valid JSON.") from None


def classify(event: Any) -> EventKind:
    """Return the kind of a parsed event; nothing it may hold is an error here.

    HTTP events are told by what only their fronts send; then come the shapes of a request, and then
    what schedulers send. ``{}`` is what most keep-warm tools send.
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
        # The two send the same event. Only an HTTP API has named routes, stages and this domain;
        # what is neither (localhost, say) is most likely to stand for a Function URL.
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
