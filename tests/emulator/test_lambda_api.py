"""The two invoke addresses: what they tell the function and what they refuse."""

import base64
import io
import json
from dataclasses import replace

import httpx2
import pytest

from app.emulator.connection import Request
from app.emulator.function import Caller, Function
from app.emulator.lambda_api import LambdaApiError, caller_of, match_address, start_invocation
from app.emulator.options import Options
from app.emulator.output import Console
from tests.emulator.emulation import (
    INVOKE,
    PATIENCE_S,
    emulator,
    post,
    report_of,
)


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_an_invocation_has_lambdas_headers() -> None:
    context = '{"client":{"name":"naïve"}}'
    caller = {
        "x-amz-client-context": base64.b64encode(context.encode()).decode(),
        "x-amz-tenant-id": "tenant",
        "x-amzn-trace-id": "Root=1-2-3",
    }
    async with emulator(timeout_s=7.0) as running:
        response = await post(running, INVOKE, {"do": "report"}, caller)

    headers = report_of(response)["headers"]
    assert headers["lambda-runtime-aws-request-id"] == response.headers["x-amzn-requestid"]
    assert headers["lambda-runtime-invoked-function-arn"] == (
        "arn:aws:lambda:us-east-1:012345678912:function:function"
    )
    assert headers["lambda-runtime-trace-id"] == "Root=1-2-3"
    assert headers["lambda-runtime-client-context"] == context
    assert headers["lambda-runtime-aws-tenant-id"] == "tenant"
    assert len(headers["lambda-runtime-deadline-ms"]) == 13


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_no_payload_is_an_empty_object() -> None:
    async with emulator() as running, httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        response = await client.post(running.url + INVOKE)

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_invoke_takes_post_only() -> None:
    async with emulator() as running, httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        response = await client.get(running.url + INVOKE)

    assert response.status_code == 405


@pytest.mark.real
@pytest.mark.timeout(180)
async def test_a_client_context_that_is_not_base64_is_refused() -> None:
    async with emulator() as running:
        response = await post(running, INVOKE, {}, {"x-amz-client-context": "{}"})

    assert response.status_code == 400
    assert response.headers["x-amzn-errortype"] == "InvalidRequestContentException"


REQUEST = Request("POST", "/2015-03-31/functions/f/invocations", "", (), "127.0.0.1")


def function() -> Function:
    return Function(Options(command=("true",), concurrency=1), "f", Console(io.StringIO()))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/2015-03-31/functions/f/invocations", ("invoke", "f")),
        ("/2015-03-31/functions/f/invocations/", ("invoke", "f")),
        ("/2021-11-15/functions/f/response-streaming-invocations", ("stream", "f")),
        ("/2015-03-31/functions/f:live/invocations", ("invoke", "f")),
        ("/2015-03-31/functions/123:function:f:1/invocations", ("invoke", "f")),
        ("/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax%3A1%3Afunction%3Af/invocations",
         ("invoke", "f")),
        ("/2015-03-31/functions/f/response-streaming-invocations", None),
        ("/2015-03-31/functions//invocations", None),
        ("/api/chat", None),
    ],
)  # fmt: skip
def test_a_path_names_an_operation_and_a_function(
    path: str, expected: tuple[str, str] | None
) -> None:
    assert match_address(path) == expected


@pytest.mark.parametrize(
    ("method", "body", "name", "status"),
    [
        ("GET", b"{}", "MethodNotAllowed", 405),
        ("POST", None, "RequestTooLargeException", 413),
        ("POST", b"{", "InvalidRequestContentException", 400),
    ],
)
def test_a_refusal_has_the_name_and_status_of_lambdas(
    method: str, body: bytes | None, name: str, status: int
) -> None:
    with pytest.raises(LambdaApiError) as refused:
        start_invocation(function(), replace(REQUEST, method=method), body)

    head, text = refused.value.response
    assert head.status == status
    assert ("x-amzn-errortype", name) in head.headers
    assert json.loads(text)["Type"] == "User"


def test_a_throttled_caller_is_told_which_limit_was_reached() -> None:
    head, text = LambdaApiError("TooManyRequestsException", "Rate Exceeded.").response

    assert head.status == 429
    assert json.loads(text) == {
        "Type": "User",
        "message": "Rate Exceeded.",
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
    }


def test_a_dry_run_checks_the_request_and_invokes_nothing() -> None:
    request = replace(REQUEST, headers=(("x-amz-invocation-type", "DryRun"),))

    assert start_invocation(function(), request, b"{}") is None
    with pytest.raises(LambdaApiError):
        start_invocation(function(), request, b"{")


def test_the_caller_is_read_from_the_headers() -> None:
    context = base64.b64encode(b'{"a":1}').decode()
    headers = (("x-amz-client-context", context), ("x-amz-tenant-id", "t"))

    assert caller_of(replace(REQUEST, headers=headers)) == Caller('{"a":1}', "t", "")
