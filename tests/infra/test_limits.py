"""Who may reach a stack, and the limits of one that strangers can reach."""

import logging
from typing import Any

import pytest

from tests.infra.cloud import Cloud
from tests.infra.deploying import refusal, run_program

KEY = {"openaiApiKey": "sk-secret"}
TOKEN = {**KEY, "authToken": "let-me-in"}


def _function(cloud: Cloud) -> Any:
    return cloud.client("lambda").get_function(FunctionName="deltaline-dev")


def _reserved(cloud: Cloud) -> int | None:
    found: dict[str, int] = cloud.client("lambda").get_function_concurrency(
        FunctionName="deltaline-dev"
    )
    return found.get("ReservedConcurrentExecutions")


def _most_tokens(cloud: Cloud) -> str | None:
    variables: dict[str, str] = _function(cloud)["Configuration"]["Environment"]["Variables"]
    return variables.get("CHAT_MAX_OUTPUT_TOKENS")


@pytest.mark.parametrize("front_door", ["url", "apiGateway"])
@pytest.mark.parametrize("token", [None, "", "  "])
def test_a_url_for_everybody_is_refused_with_every_way_out(
    cloud: Cloud, dockerfile: str, front_door: str, token: str | None
) -> None:
    secrets = KEY if token is None else {**KEY, "authToken": token}

    sentence = refusal(cloud, {"dockerfile": dockerfile, "frontDoor": front_door}, secrets=secrets)

    auth = "AWS_IAM or COGNITO" if front_door == "apiGateway" else "AWS_IAM"
    assert sentence == (
        "Anyone who has the URL could chat and so spend the model's key: run `pulumi config set "
        f"--secret authToken`, set jwtIssuer, or set auth to {auth}; if that is what you want, run "
        "`pulumi config set allowAnonymous true`."
    )


def test_a_site_for_everybody_is_refused_without_a_way_that_it_has_not(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    config = {"dockerfile": dockerfile, "frontDoor": "cloudfront", "webDir": page}

    sentence = refusal(cloud, config, secrets=KEY)

    assert "authToken`, or set jwtIssuer; if that is what you want, run `pulumi" in sentence
    assert "set auth" not in sentence


def test_who_wants_everybody_to_chat_says_so_and_is_warned(
    cloud: Cloud, dockerfile: str, caplog: pytest.LogCaptureFixture
) -> None:
    run_program(cloud, {"dockerfile": dockerfile, "allowAnonymous": True}, secrets=KEY)

    url = cloud.client("lambda").get_function_url_config(FunctionName="deltaline-dev")
    (warning,) = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert url["AuthType"] == "NONE"
    assert warning.startswith("Anyone who has the URL can chat and so spend the model's key")


@pytest.mark.parametrize(
    ("config", "secrets", "reserved", "most_tokens"),
    [
        # A token does not keep requests away from the function, and many may have it.
        ({}, TOKEN, 10, "4096"),
        ({"allowAnonymous": True}, KEY, 10, "4096"),
        ({"frontDoor": "apiGateway"}, TOKEN, 10, "4096"),
        ({"auth": "AWS_IAM"}, KEY, None, None),
        ({"reservedConcurrency": "none", "maxOutputTokens": "none"}, TOKEN, None, None),
        ({"reservedConcurrency": -1}, TOKEN, None, "4096"),
        ({"reservedConcurrency": 0, "maxOutputTokens": 900}, TOKEN, 0, "900"),
        ({"auth": "AWS_IAM", "reservedConcurrency": 7, "maxOutputTokens": 50}, KEY, 7, "50"),
        ({"environment": ["CHAT_MAX_OUTPUT_TOKENS=800"]}, TOKEN, 10, "800"),
        ({"reservedConcurrency": "auto", "maxOutputTokens": "auto"}, TOKEN, 10, "4096"),
    ],
)
def test_a_stack_that_strangers_can_reach_has_limits_that_can_be_changed_or_taken_away(
    cloud: Cloud,
    dockerfile: str,
    config: dict[str, object],
    secrets: dict[str, str],
    reserved: int | None,
    most_tokens: str | None,
) -> None:
    run_program(cloud, {"dockerfile": dockerfile, **config}, secrets=secrets)

    assert (_reserved(cloud), _most_tokens(cloud)) == (reserved, most_tokens)


def test_a_site_behind_cloudfront_has_the_limits_too(
    cloud: Cloud, dockerfile: str, page: str
) -> None:
    config = {"dockerfile": dockerfile, "frontDoor": "cloudfront", "webDir": page}

    run_program(cloud, config, secrets=TOKEN)

    assert (_reserved(cloud), _most_tokens(cloud)) == (10, "4096")


def test_functions_of_the_examples_take_nothing_from_the_account(
    cloud: Cloud, package: str
) -> None:
    config = {"packaging": "zip", "zipFile": package, "examples": True}

    run_program(cloud, config, secrets=TOKEN)

    reserved = [
        made.inputs["reservedConcurrentExecutions"]
        for made in cloud.of_type("aws:lambda/function:Function")
    ]
    assert sorted(reserved) == [-1, -1, -1, -1, -1, 10]


@pytest.mark.parametrize(
    ("quota", "reserved"), [(10, None), (100, None), (109, None), (110, 10), (None, 10)]
)
def test_nothing_is_reserved_by_default_where_the_account_has_nothing_to_reserve(
    cloud: Cloud,
    dockerfile: str,
    quota: int | None,
    reserved: int | None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud.concurrency_quota = quota
    # As AWS, moto then refuses what leaves less than 100.
    monkeypatch.setenv("MOTO_LAMBDA_CONCURRENCY_QUOTA", str(quota or 1000))

    run_program(cloud, {"dockerfile": dockerfile}, secrets=TOKEN)

    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    said = (
        f"The account lets {quota} functions run at once, and 100 of them cannot be reserved. So "
        "nothing is reserved for this one, and the account's limit is its own."
    )
    assert _reserved(cloud) == reserved
    assert warnings == ([] if reserved else [said])


def test_to_reserve_more_than_the_account_has_is_refused_with_the_way_to_turn_it_off(
    cloud: Cloud, dockerfile: str
) -> None:
    cloud.concurrency_quota = 10

    sentence = refusal(cloud, {"dockerfile": dockerfile, "reservedConcurrency": 1}, secrets=TOKEN)

    assert sentence == (
        "reservedConcurrency is 1, but the account lets 10 functions run at once, and 100 of them "
        "cannot be reserved: set it to none, or ask AWS for more (Service Quotas, Lambda, "
        "Concurrent executions)."
    )


def test_nothing_at_all_can_be_reserved_in_every_account(cloud: Cloud, dockerfile: str) -> None:
    cloud.concurrency_quota = 10

    run_program(cloud, {"dockerfile": dockerfile, "reservedConcurrency": 0}, secrets=TOKEN)

    assert _reserved(cloud) == 0


@pytest.mark.parametrize("stack", [{"reservedConcurrency": "none"}, {"auth": "AWS_IAM"}])
def test_the_quota_is_asked_for_only_where_it_decides(
    cloud: Cloud, dockerfile: str, stack: dict[str, object]
) -> None:
    run_program(cloud, {"dockerfile": dockerfile, **stack}, secrets=TOKEN)

    assert ("service-quotas", "GetServiceQuota") not in cloud.sent


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (
            {"reservedConcurrency": -2},
            "reservedConcurrency must be auto, none or a number from 0 to 1000, not '-2'.",
        ),
        (
            {"reservedConcurrency": "all"},
            "reservedConcurrency must be auto, none or a number from 0 to 1000, not 'all'.",
        ),
        (
            {"reservedConcurrency": "²"},
            "reservedConcurrency must be auto, none or a number from 0 to 1000, not '²'.",
        ),
        (
            {"maxOutputTokens": 0},
            "maxOutputTokens must be auto, none or a number from 1 to 10000000, not '0'.",
        ),
        (
            {"maxOutputTokens": -1},
            "maxOutputTokens must be auto, none or a number from 1 to 10000000, not '-1'.",
        ),
        (
            {"maxOutputTokens": 100, "environment": ["CHAT_MAX_OUTPUT_TOKENS=200"]},
            "Set maxOutputTokens or CHAT_MAX_OUTPUT_TOKENS in environment, not both.",
        ),
    ],
)
def test_a_limit_that_is_none_is_refused(
    cloud: Cloud, dockerfile: str, config: dict[str, object], sentence: str
) -> None:
    assert refusal(cloud, {"dockerfile": dockerfile, **config}, secrets=TOKEN) == sentence
