import json
from typing import Any

import pytest

from app.requests.lambda_events import EventKind, MalformedEvent, classify, read_event
from tests.lambda_events import function_url, http_api, load_balancer, rest_api

_SCHEDULED = {
    "version": "0",
    "id": "53dc4d37",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-01-11T11:45:34Z",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/warm"],
    "detail": {},
}
_S3 = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}}}]}
_WEBSOCKET = {"requestContext": {"connectionId": "c", "eventType": "MESSAGE"}, "body": "{}"}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (function_url(), EventKind.FUNCTION_URL),
        (http_api(), EventKind.HTTP_API),
        (rest_api(), EventKind.REST_API),
        (load_balancer(), EventKind.ALB),
        (load_balancer(multi_value=True), EventKind.ALB),
        ({"action": "chat", "payload": {"text": "Hi"}}, EventKind.DIRECT),
        ({"action": "nonsense"}, EventKind.DIRECT),
        ({"body": '{"messages":[]}'}, EventKind.DIRECT_BODY),
        ({"body": {"messages": []}}, EventKind.DIRECT_BODY),
        # Without its request context nobody can tell which front this was.
        ({"httpMethod": "POST", "path": "/", "body": "{}"}, EventKind.DIRECT_BODY),
        ({"id": "c", "messages": []}, EventKind.USE_CHAT),
        ({"id": "c", "message": {}, "trigger": "submit-message"}, EventKind.USE_CHAT),
        ({"action": "an extra", "messages": []}, EventKind.USE_CHAT),
        ({"args": {"steps": 3}, "context": {}}, EventKind.TOOL_CALL),
        ({"prompt": "Hi"}, EventKind.PROMPT),
        (_SCHEDULED, EventKind.WARM_UP),
        ({"source": "aws.scheduler"}, EventKind.WARM_UP),
        ({"source": "serverless-plugin-warmup"}, EventKind.WARM_UP),
        ({"warmer": True, "concurrency": 1}, EventKind.WARM_UP),
        ({}, EventKind.WARM_UP),
        (_S3, EventKind.UNKNOWN),
        (_WEBSOCKET, EventKind.UNKNOWN),
        ({"requestContext": {}, "httpMethod": None, "source": ["aws.events"]}, EventKind.REST_API),
        ({"requestContext": None, "warmer": False}, EventKind.UNKNOWN),
        (None, EventKind.MALFORMED),
        ([1], EventKind.MALFORMED),
        ("chat", EventKind.MALFORMED),
    ],
)
def test_every_event_has_a_kind(event: Any, kind: EventKind) -> None:
    assert classify(event) is kind


@pytest.mark.parametrize("domain", ["localhost", "chat.example.com", None])
def test_what_is_no_http_api_for_certain_is_a_function_url(domain: str | None) -> None:
    event = function_url()
    event["requestContext"]["domainName"] = domain

    assert classify(event) is EventKind.FUNCTION_URL


def test_a_named_stage_or_route_makes_it_an_http_api() -> None:
    staged, routed = function_url(), function_url(routeKey="ANY /{proxy+}")
    staged["requestContext"]["stage"] = "prod"

    assert classify(staged) is EventKind.HTTP_API
    assert classify(routed) is EventKind.HTTP_API


def test_the_kinds_know_what_they_are() -> None:
    http = {kind for kind in EventKind if kind.is_http}
    whole = {kind for kind in EventKind if not kind.is_streamed}
    ignored = {kind for kind in EventKind if kind.is_ignored}

    assert http == {
        EventKind.FUNCTION_URL,
        EventKind.REST_API,
        EventKind.HTTP_API,
        EventKind.ALB,
    }
    assert whole == {EventKind.HTTP_API, EventKind.ALB}
    assert ignored == {EventKind.WARM_UP, EventKind.UNKNOWN}


def test_an_event_with_half_a_surrogate_pair_is_json() -> None:
    assert read_event(b'{"text":"\\ud83d"}') == {"text": "\ud83d"}


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedEvent, match="not valid JSON"):
        read_event(payload)


def test_an_event_is_read_as_it_is() -> None:
    assert read_event(json.dumps(_S3).encode()) == _S3
