"""Who may call the local Lambda, where no IAM stands before it."""

import argparse

import pytest

from app.emulator.admission import refusal, sites_of
from app.emulator.arguments import UsageError, add_arguments, read_options
from app.emulator.connection import Request
from app.emulator.cors import Cors
from app.emulator.options import Options
from tests.emulator.emulation import INVOKE, RAW, STREAM, URL, emulator, post

EVIL = {"origin": "https://evil.example"}


def _status(options: Options, path: str = INVOKE, method: str = "POST", **headers: str) -> int:
    """Return the status of the refusal, 0 for none."""
    given = {"host": "127.0.0.1:9000", **headers}
    named = tuple((name.replace("_", "-"), value) for name, value in given.items())
    request = Request(method, path, "", named, "127.0.0.1")
    sites, token = sites_of(options), options.auth_token
    refused = refusal(sites, request, token=token, invokes=path != URL)
    return 0 if refused is None else refused[0].status


def _options(*arguments: str, **variables: str) -> Options:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return read_options(parser.parse_args([*arguments, "--", *RAW]), variables)


def test_beyond_loopback_the_invoke_addresses_ask_for_the_token() -> None:
    options = _options("--host", "0.0.0.0", CHAT_AUTH_TOKEN=" secret\n")

    assert _status(options) == 401
    assert _status(options, STREAM, authorization="Bearer wrong") == 401
    assert _status(options, authorization="Bearer secret") == 0
    signed = "AWS4-HMAC-SHA256 Credential=x"
    assert _status(options, STREAM, authorization=signed, x_chat_token="secret") == 0
    # The app behind it asks for itself; and a preflight cannot bring a token.
    assert _status(options, URL) == 0
    assert _status(options, INVOKE, "OPTIONS") == 0


def test_a_setting_in_lower_case_counts_as_it_does_in_the_app() -> None:
    assert _status(_options("--host", "0.0.0.0", chat_auth_token="secret")) == 401


@pytest.mark.parametrize(
    "options",
    [_options(CHAT_AUTH_TOKEN="secret"), _options("--host", "::"), Options(command=RAW)],
    ids=["loopback", "no-token", "default"],
)
def test_otherwise_no_token_is_asked_for(options: Options) -> None:
    assert _status(options) == 0


def test_a_token_that_only_the_function_could_read_stops_the_start() -> None:
    arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/token"

    with pytest.raises(UsageError, match="CHAT_AUTH_TOKEN instead of CHAT_AUTH_TOKEN_ARN"):
        _options("--host", "0.0.0.0", CHAT_AUTH_TOKEN_ARN=arn)
    assert _options(CHAT_AUTH_TOKEN_ARN=arn).auth_token is None


def test_on_loopback_only_loopback_names_are_served() -> None:
    options = _options()

    for path in (INVOKE, URL):
        assert _status(options, path, host="evil.example:9000") == 421
        assert _status(options, path, host="localhost:9000") == 0
    assert _status(options, "/health", host="evil.example") == 0
    assert _status(_options(CHAT_ALLOWED_HOSTS="a.example, b.example"), host="b.example") == 0
    assert _status(_options("--host", "0.0.0.0"), host="any.example") == 0


def test_pages_of_other_sites_may_not_call() -> None:
    options = _options()

    for path in (INVOKE, STREAM, URL):
        assert _status(options, path, **EVIL) == 403
        assert _status(options, path, origin="http://localhost:5173") == 0
        assert _status(options, path, "OPTIONS", **EVIL) == 0
    assert _status(_options(CHAT_ALLOWED_ORIGINS=EVIL["origin"]), **EVIL) == 0
    assert _status(Options(command=RAW, cors=Cors(allow_origins=("*",))), URL, **EVIL) == 0


@pytest.mark.real
@pytest.mark.timeout(60)
async def test_what_is_refused_does_not_reach_the_function() -> None:
    async with emulator(auth_token="secret") as running:
        plain = {"content-type": "text/plain"}
        refused = [
            await post(running, INVOKE, {"do": "report"}),
            await post(running, STREAM, {"do": "report"}, {"x-chat-token": "wrong"}),
            await post(running, URL, {"do": "report"}, {**EVIL, **plain}),
            await post(running, INVOKE, {"do": "report"}, {**EVIL, **plain}),
        ]
        log = running.log
        served = await post(running, INVOKE, {"do": "report"}, {"x-chat-token": "secret"})

    assert [response.status_code for response in refused] == [401, 401, 403, 403]
    assert refused[0].headers["www-authenticate"] == "Bearer"
    assert refused[0].json()["message"] == "Send CHAT_AUTH_TOKEN in the header x-chat-token."
    assert "START RequestId" not in log
    assert served.json()["event"] == {"do": "report"}
