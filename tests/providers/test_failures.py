"""The provider's failures as our errors."""

import json
import logging
from typing import Any

import pytest

from app.errors import (
    ContextTooLong,
    InputNotSupported,
    ProviderError,
    ProviderModelNotFound,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnauthorized,
)
from app.known_secrets import remember
from app.providers.failures import LOGGER, compressed, error_for_status, error_in_stream

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


# As the servers say it; those of llama.cpp and LiteLLM are in tests/traces/model_servers too.
@pytest.mark.parametrize(
    "text",
    [
        "litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - oops",
        "request (36018 tokens) exceeds the available context size (4096 tokens), try increasing",
        "the request exceeds the available context size. try increasing the context size",
        "You passed 9 input tokens. However, the model's context length is only 8 tokens",
        "The decoder prompt (length 9) is longer than the maximum model length of 8.",
        "Requested tokens (9) exceed context window of 8",
        "The input (9 tokens) is longer than the model's context length (8 tokens).",
        "the input length exceeds the context length",
        "prompt too long; exceeded max context length by 5 tokens",
        "`inputs` tokens + `max_new_tokens` must be <= 8. Given: 9",
        "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        "prompt is too long: 9 tokens > 8 maximum",
    ],
)
def test_every_servers_words_for_too_long_are_known(text: str) -> None:
    body = json.dumps({"error": {"message": text}}).encode()

    assert type(error_for_status(400, {}, body)) is ContextTooLong
    assert type(error_for_status(500, {}, body)) is ContextTooLong
    assert type(error_in_stream({"message": text, "code": "server_error"})) is ContextTooLong


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (500, "image input is not supported - hint: you may need to provide the mmproj"),
        (500, "litellm.InternalServerError: OpenAIException - image input is not supported"),
        (400, "unsupported content[].type"),
        (400, "'input_file' is not supported by llamacpp at this moment"),
        (400, "this model does not support image input (ref: b8bd630e)"),
        (400, "Multimodal data provided, but model does not support multimodal requests."),
        (400, "facebook/opt-125m is not a multimodal model None"),
        (404, "No endpoints found that support image input"),
        (400, "Invalid content type. image_url is only supported by certain models."),
        (422, "unknown variant `image_url`, expected `text`"),
    ],
)
def test_a_model_that_reads_no_files_is_no_failing_server(status: int, text: str) -> None:
    error = error_for_status(status, {}, json.dumps({"error": {"message": text}}).encode())

    assert type(error) is InputNotSupported
    assert error.status == 400
    assert "files" in error.public_message
    assert type(error_in_stream(text)) is InputNotSupported


def test_what_litellm_itself_refuses_has_its_own_error() -> None:
    unknown = (
        b'{"error":{"message":"/responses: Invalid model name passed in model=x.","code":"400"}}'
    )
    no_key = b'{"error":{"message":"No connected db.","type":"no_db_connection","code":"400"}}'

    assert type(error_for_status(400, {}, unknown)) is ProviderModelNotFound
    assert type(error_for_status(400, {}, no_key)) is ProviderUnauthorized


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


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("https://user:secret@evil.example:8443/v1?key=secret", "evil.example"),
        ("//[2001:db8::1]/v1", "2001:db8::1"),
        ("/v2/secret", "another address"),
        ("http://[secret", "another address"),
        ("http://{secret}/", "another address"),
        ("", "another address"),
    ],
)
def test_a_redirect_is_an_error_that_names_no_more_than_the_host(location: str, where: str) -> None:
    error = error_for_status(307, {"location": location}, b"secret")

    assert type(error) is ProviderError
    assert str(error).startswith(f"status 307: the server redirects to {where}, ")
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("sent", "handed_on"),
    [
        ("20", "20"),
        ("0", "0"),
        ("1.2", "2"),
        ("86400", "86400"),
        ("999999999", "86400"),
        ("1" + "0" * 400, None),
        ("nan", None),
        ("inf", None),
        ("1e309", None),
        ("-5", None),
        ("", None),
        ("Thu, 01 Jan 2026 00:00:20 GMT", None),
        ("\uff12\uff10", None),  # full-width digits, which are numbers for Python
        ("5\u20ac", None),
        ("\udce4", None),
    ],
)
def test_only_whole_seconds_are_handed_on_to_our_client(sent: str, handed_on: str | None) -> None:
    error = error_for_status(429, {"retry-after": sent}, b"")

    assert isinstance(error, ProviderRateLimited)
    assert error.retry_after == handed_on


def test_a_compressed_body_is_the_servers_fault() -> None:
    assert str(compressed("gzip")) == (
        "the response is compressed (gzip), although identity was asked for"
    )


def test_the_key_that_a_server_repeats_is_masked() -> None:
    failed = error_for_status(401, {}, b"no such key: sk-secret-key", api_key="sk-secret-key")

    assert "no such key: [key]" in str(failed)
