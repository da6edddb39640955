"""The provider's failures as our errors."""

import json
import logging
from typing import Any

import pytest

from app.errors import (
    ContextTooLong,
    ProviderError,
    ProviderModelNotFound,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnauthorized,
)
from app.known_secrets import remember
from app.providers.failures import LOGGER, error_for_status, error_in_stream

TOO_LONG_OPENAI = {
    "error": {
        "message": "This model's maximum context length is 128000 tokens.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }
}
TOO_LONG_VLLM = {"object": "error", "message": "This model's maximum context length is 4096 tokens"}
TOO_LONG_LLAMA = {"error": {"code": 400, "message": "…", "type": "exceed_context_size_error"}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "no", "code": None}}, ProviderRefused),
        (400, TOO_LONG_OPENAI, ContextTooLong),
        (400, TOO_LONG_VLLM, ContextTooLong),
        (400, TOO_LONG_LLAMA, ContextTooLong),
        (400, {"error": {"code": "model_not_found"}}, ProviderModelNotFound),
        (413, {"error": "Request too large"}, ProviderRefused),
        (422, {"detail": []}, ProviderRefused),
        (401, {}, ProviderUnauthorized),
        (403, None, ProviderUnauthorized),
        (404, {"error": {"message": "no such model"}}, ProviderModelNotFound),
        (408, [], ProviderTimeout),
        (429, {"error": {"message": "slow down"}}, ProviderRateLimited),
        (500, {"error": {"message": "oops"}}, ProviderError),
        (503, 1, ProviderError),
        (504, {}, ProviderTimeout),
        (302, {}, ProviderError),
    ],
)
def test_a_status_and_its_body_name_the_error(
    status: int, body: Any, kind: type[ProviderError]
) -> None:
    error = error_for_status(status, {}, json.dumps(body).encode())

    assert type(error) is kind
    assert str(status) in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 10_000, b'{"error":'])
def test_a_body_that_is_no_json_is_no_obstacle(body: bytes) -> None:
    assert type(error_for_status(500, {}, body)) is ProviderError


def test_a_rate_limit_keeps_the_servers_wait() -> None:
    error = error_for_status(429, {"retry-after": "20"}, b"{}")

    assert error.headers() == {"retry-after": "20"}


def test_the_log_gets_the_words_and_the_client_does_not() -> None:
    error = error_for_status(
        400, {}, b'{"error":{"type":"t","code":"c","param":"p","message":"secret words"}}'
    )

    assert str(error) == "status 400: type='t' code='c' param='p' secret words"
    assert "secret" not in error.public_message


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (
            {"type": "t_x", "code": 40, "param": "messages[0].content", "message": "Hello"},
            "status 400: type='t_x' code='40' param='messages[0].content'",
        ),
        (
            {"message": "litellm.BadRequestError: ValueError in BadRequestError: Hello"},
            "status 400: BadRequestError ValueError",
        ),
        ({"type": "what the user said", "code": "c" * 200}, "status 400"),
        ("words of the user", "status 400"),
        (["words"], "status 400"),
        ("malformed chunk (x): words", "status 400: malformed chunk"),
    ],
)
def test_the_log_gets_what_names_the_failure_and_no_words(error: Any, named: str) -> None:
    failed = error_for_status(400, {}, json.dumps({"error": error}).encode())

    assert failed.log_text == named


def test_the_words_are_logged_where_they_are_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, LOGGER):
        error_in_stream({"message": "the words"})

    assert "the model's server says: error in the stream: the words" in caplog.text


@pytest.mark.parametrize("before", [0, 470, 490])
def test_a_key_in_a_text_is_masked_before_the_text_is_cut(before: int) -> None:
    remember(key := "sk-0123456789-failures")

    text = str(error_in_stream("x" * before + f" {key}"))

    assert "sk-0" not in text


def test_a_long_text_is_cut() -> None:
    assert len(str(error_for_status(500, {}, b"x" * 10_000))) < 600


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "The server had an error", "type": "server_error"}, ProviderError),
        ({"message": "slow", "code": 429}, ProviderRateLimited),
        ({"message": "slow", "type": "rate_limit_exceeded"}, ProviderRateLimited),
        ({"message": "m", "code": "insufficient_quota"}, ProviderRateLimited),
        ({"message": "m", "code": "context_length_exceeded"}, ContextTooLong),
        ("This model's maximum context length is 4096", ContextTooLong),
        ("oops", ProviderError),
        (["oops"], ProviderError),
    ],
)
def test_an_error_object_in_the_stream_names_the_error(
    error: Any, kind: type[ProviderError]
) -> None:
    assert type(error_in_stream(error)) is kind
