import json

import pytest

from app.known_secrets import remember
from app.lambda_runtime.invocation import FunctionError, describe_exception, read_invocation
from tests.test_causes import KEY, raised, request_bearing

_NOW_MS = 1_800_000_000_000
_HEADERS = {
    "lambda-runtime-aws-request-id": "request-1",
    "lambda-runtime-deadline-ms": str(_NOW_MS + 3000),
    "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-west-2:1:function:chat",
    "lambda-runtime-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
    "lambda-runtime-client-context": '{"custom":{"a":"ä"}}',
    "lambda-runtime-cognito-identity": '{"identity_id":"i"}',
    "lambda-runtime-aws-tenant-id": "tenant-1",
}


def test_all_that_the_headers_say_is_read() -> None:
    invocation = read_invocation(_HEADERS, b"{}", now_ms=_NOW_MS)

    assert invocation is not None
    assert invocation.request_id == "request-1"
    assert invocation.payload == b"{}"
    assert invocation.deadline_ms == _NOW_MS + 3000
    assert invocation.function_arn.endswith(":function:chat")
    assert invocation.trace_id == _HEADERS["lambda-runtime-trace-id"]
    assert invocation.client_context == {"custom": {"a": "ä"}}
    assert invocation.identity == {"identity_id": "i"}
    assert invocation.tenant_id == "tenant-1"


def test_an_invocation_without_an_id_is_none() -> None:
    assert read_invocation({}, b"{}", now_ms=_NOW_MS) is None


@pytest.mark.parametrize(
    "deadline",
    [
        *(
            "",
            "soon",
            "1542409706888",
            "9" * 400,
            "9" * 5000,
            "9" * 16,
            "nan",
            "inf",
            "-5",
            "1e309",
        ),
        *("\u0661\u0665" * 6, "\uff19" * 13, "\u00b2", " 9999999999999", "9999999999999.5"),
    ],
)
def test_an_impossible_deadline_becomes_the_longest_possible(deadline: str) -> None:
    headers = {**_HEADERS, "lambda-runtime-deadline-ms": deadline}

    invocation = read_invocation(headers, b"{}", now_ms=_NOW_MS)

    assert invocation is not None
    assert invocation.deadline_ms == _NOW_MS + 900_000


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_a_client_context_that_is_no_json_is_none(text: str) -> None:
    headers = {**_HEADERS, "lambda-runtime-client-context": text}

    invocation = read_invocation(headers, b"{}", now_ms=_NOW_MS)

    assert invocation is not None
    assert invocation.client_context is None


def test_an_exception_is_reported_with_its_name_message_and_stack() -> None:
    try:
        raise LookupError("no such word")
    except LookupError as error:
        report = describe_exception(error)

    assert (report.code, report.kind) == ("Function.LookupError", "LookupError")
    assert json.loads(report.body())["errorMessage"] == "no such word"
    assert "test_invocation.py" in json.loads(report.body())["stackTrace"][0]


def test_a_report_has_a_bounded_size() -> None:
    report = FunctionError("A.B", "x" * 1_000_000, "B")

    assert len(report.body()) < 10_000


def test_the_report_of_an_exception_holds_no_known_secret_and_no_request() -> None:
    remember(KEY)

    for error in (raised(ValueError(f"key {KEY}")), request_bearing()):
        body = describe_exception(error).body().decode()

        assert KEY not in body
        assert "RequestInfo" not in body
