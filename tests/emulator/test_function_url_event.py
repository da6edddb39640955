"""From an HTTP request to the event of a Function URL."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.emulator.connection import Request
from app.emulator.function_url_event import build_event

NOW = datetime(2026, 3, 12, 19, 3, 58, 250_000, tzinfo=UTC)


JSON = ("content-type", "application/json; charset=utf-8")


def event_of(
    body: bytes = b"", *headers: tuple[str, str], path: str = "/", query: str = ""
) -> dict[str, Any]:
    request = Request("POST", path, query, (("host", "127.0.0.1:9000"), *headers), "127.0.0.1")
    event: dict[str, Any] = json.loads(
        build_event(request, body, port=9000, trace_id="Root=1", now=NOW)
    )
    return event


def test_an_event_has_the_shape_of_payload_version_2() -> None:
    event = event_of(b'{"a":1}', JSON, ("user-agent", "test/1"), path="/api/ch%20at", query="a=1&b")

    context = event["requestContext"]
    assert context.pop("requestId")
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/api/ch%20at",
        "rawQueryString": "a=1&b",
        "headers": {
            "host": "127.0.0.1:9000",
            "content-type": "application/json; charset=utf-8",
            "user-agent": "test/1",
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": "9000",
            "x-forwarded-proto": "http",
            "x-amzn-trace-id": "Root=1",
        },
        "queryStringParameters": {"a": "1", "b": ""},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "emulated",
            "domainName": "127.0.0.1",
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/api/ch%20at",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test/1",
            },
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1773342238250,
        },
        "body": '{"a":1}',
        "isBase64Encoded": False,
    }


def test_what_comes_twice_is_joined() -> None:
    headers = [("x-a", "1"), ("x-a", "2"), ("cookie", "c=1; d=2"), ("cookie", "e=3")]

    event = event_of(b"", *headers, query="q=1&q=2")

    assert event["headers"]["x-a"] == "1,2"
    assert event["queryStringParameters"] == {"q": "1,2"}
    assert event["cookies"] == ["c=1", "d=2", "e=3"]


def test_headers_of_the_connection_are_not_the_functions_business() -> None:
    event = event_of(b"", ("connection", "close"), ("transfer-encoding", "chunked"))

    assert not event["headers"].keys() & {"connection", "transfer-encoding"}
    assert "body" not in event


@pytest.mark.parametrize(
    ("content_type", "body", "text", "is_base64"),
    [
        ("text/plain", "naïve".encode(), "naïve", False),
        ("application/json", b"\xff", "/w==", True),
        ("image/png", b"\x89PNG", "iVBORw==", True),
        ("application/x-www-form-urlencoded", b"a=1", "YT0x", True),
        ("", b"a", "YQ==", True),
    ],
)
def test_a_body_is_text_only_where_its_type_and_bytes_say_so(
    content_type: str, body: bytes, text: str, is_base64: bool
) -> None:
    event = event_of(body, ("content-type", content_type))

    assert (event["body"], event["isBase64Encoded"]) == (text, is_base64)
