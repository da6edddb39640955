import json
from typing import Any

import pytest

from app.aws.http_integration import Prelude
from app.lambda_runtime.proxy_response import encode_proxy_response, to_prelude
from app.requests.lambda_events import EventKind

_ANSWER = Prelude(
    201, (("content-type", "text/plain"), ("vary", "origin"), ("vary", "accept")), ("a=1", "b=2")
)


def _document(kind: EventKind, body: bytes = b"Hi", **options: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(encode_proxy_response(kind, _ANSWER, body, **options))
    return document


def test_cookies_stand_apart_and_what_describes_the_connection_goes() -> None:
    prelude = to_prelude(
        200,
        [
            (b"Content-Type", b"text/plain"),
            (b"set-cookie", b"a=1"),
            (b"Set-Cookie", b"b=2"),
            (b"content-length", b"2"),
            (b"Transfer-Encoding", b"chunked"),
            (b"connection", b"close"),
            (b"x-latin", b"\xe9"),
        ],
    )

    assert prelude == Prelude(
        200, (("content-type", "text/plain"), ("x-latin", "é")), ("a=1", "b=2")
    )


def test_an_http_api_gets_joined_headers_and_cookies() -> None:
    assert _document(EventKind.HTTP_API) == {
        "statusCode": 201,
        "headers": {"content-type": "text/plain", "vary": "origin, accept"},
        "cookies": ["a=1", "b=2"],
        "body": "Hi",
        "isBase64Encoded": False,
    }


def test_a_rest_api_gets_lists() -> None:
    assert _document(EventKind.REST_API) == {
        "statusCode": 201,
        "multiValueHeaders": {
            "content-type": ["text/plain"],
            "vary": ["origin", "accept"],
            "set-cookie": ["a=1", "b=2"],
        },
        "body": "Hi",
        "isBase64Encoded": False,
    }


def test_a_load_balancer_gets_a_description_and_lists_if_it_sent_lists() -> None:
    document = _document(EventKind.ALB)

    assert document["statusDescription"] == "201 Created"
    assert document["multiValueHeaders"]["set-cookie"] == ["a=1", "b=2"]


def test_a_load_balancer_without_lists_gets_single_values() -> None:
    document = _document(EventKind.ALB, multi_value=False)

    assert document["headers"] == {
        "content-type": "text/plain",
        "vary": "origin, accept",
        "set-cookie": "b=2",
    }
    assert "cookies" not in document


def test_no_cookies_means_no_key() -> None:
    document = json.loads(encode_proxy_response(EventKind.HTTP_API, Prelude(200), b""))

    assert "cookies" not in document


def test_a_body_that_is_no_text_goes_as_base64() -> None:
    document = _document(EventKind.HTTP_API, b"\xff\x00")

    assert (document["body"], document["isBase64Encoded"]) == ("/wA=", True)


@pytest.mark.parametrize(("status", "description"), [(404, "404 Not Found"), (599, "599 Unknown")])
def test_any_status_has_a_description(status: int, description: str) -> None:
    document = json.loads(encode_proxy_response(EventKind.ALB, Prelude(status), b""))

    assert document["statusDescription"] == description


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind.is_http])
def test_every_http_front_has_its_document(kind: EventKind) -> None:
    document = _document(kind)

    assert (document["statusCode"], document["body"]) == (201, "Hi")
    assert document.keys() & {"headers", "multiValueHeaders"}


def test_an_event_that_is_not_http_has_no_document() -> None:
    with pytest.raises(AssertionError, match="direct is not an HTTP event"):
        _document(EventKind.DIRECT)
