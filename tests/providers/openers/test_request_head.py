"""The bytes in front of a request's body."""

import pytest

from app import __version__
from app.providers.openers.request_head import (
    basic,
    request_head,
    request_headers,
    with_headers,
    with_length,
)


def test_a_request_has_a_line_its_headers_and_an_empty_line() -> None:
    head = request_head("POST", "/v1/x", "a.test", {"accept": "b", "x-é": "ü"}, 12)

    assert head.decode() == (
        "POST /v1/x HTTP/1.1\r\nhost: a.test\r\naccept: b\r\nx-é: ü\r\ncontent-length: 12\r\n\r\n"
    )


def test_a_request_without_a_body_says_no_length() -> None:
    assert request_head("CONNECT", "a:1", "a:1", {}, None) == (
        b"CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n"
    )


@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
@pytest.mark.parametrize("place", ["target", "host", "header"])
def test_nothing_can_end_its_line(place: str, character: str) -> None:
    text = f"secret{character}x"
    parts = {"target": "/", "host": "a", "header": "b", place: text}

    with pytest.raises(ValueError, match="line end") as caught:
        request_head("POST", parts["target"], parts["host"], {"x": parts["header"]}, 0)

    assert "secret" not in str(caught.value)


def test_credentials_are_in_headers() -> None:
    assert request_headers("k", "org", "proj", "me:x") == {
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": f"deltaline/{__version__}",
        "authorization": "Bearer k",
        "openai-organization": "org",
        "openai-project": "proj",
    }


def test_without_a_key_the_credentials_of_the_url_are_sent() -> None:
    assert request_headers(None, None, None, "me:x")["authorization"] == basic("me:x")
    assert "authorization" not in request_headers(None, None, None)


def test_a_user_and_a_password_are_encoded() -> None:
    assert basic("user:pass") == "Basic dXNlcjpwYXNz"
    assert basic("ü:ß") == "Basic w7w6w58="


def test_a_head_is_made_once_for_bodies_of_any_length() -> None:
    head = request_head("POST", "/v1/x", "a.test", {"accept": "b"}, None)

    for length in (0, 7, 123_456):
        whole = request_head("POST", "/v1/x", "a.test", {"accept": "b"}, length)
        assert with_length(head, length) == whole


def test_a_request_may_have_headers_of_its_own() -> None:
    head = request_head("POST", "/v1", "a", {"x-a": "1"}, None)
    whole = request_head("POST", "/v1", "a", {"x-a": "1", "traceparent": "00-1-2-01"}, 7)

    assert with_length(with_headers(head, {"traceparent": "00-1-2-01"}), 7) == whole
    with pytest.raises(ValueError, match="line end"):
        with_headers(head, {"tracestate": "a=b\r\nx-b: 2"})
