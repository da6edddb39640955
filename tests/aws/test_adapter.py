"""What the real Lambda Web Adapter makes of events and of a web app's responses, byte for byte."""

import json
import time
from typing import Any

import httpx2
import pytest

from app.aws.event_stream import InvokeComplete, PayloadChunk
from tests.aws.adapting import adapted
from tests.emulator.emulation import INVOKE, STREAM, events_of, post
from tests.lambda_events import function_url, rest_api

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180, func_only=True),
    pytest.mark.usefixtures("adapter"),
]


def _payloads(events: list[Any]) -> list[bytes]:
    return [event.payload for event in events if isinstance(event, PayloadChunk)]


def _seen(body: bytes | str) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what the web app saw: the whole request, and its headers."""
    request = json.loads(body)
    return request, dict(request["headers"])


async def test_a_function_url_request_reaches_the_app_as_it_was_sent() -> None:
    headers = {"cookie": "a=1; b=2", "x-mine": "1"}
    async with adapted() as running:
        response = await post(running, "/api/chat?a=1&b=%20c&a=2", {"text": "naïve"}, headers)

    request, seen = _seen(response.text)
    assert (request["method"], request["target"]) == ("POST", "/api/chat?a=1&b=%20c&a=2")
    assert json.loads(request["body"]) == {"text": "naïve"}
    assert [part.strip() for part in seen["cookie"].split(";")] == ["a=1", "b=2"]
    assert seen["x-mine"] == "1"
    assert seen["content-type"] == "application/json"


async def test_a_rest_api_request_keeps_its_query_and_of_a_repeated_header_the_last() -> None:
    async with adapted() as running:
        response = await post(running, STREAM, rest_api(body='{"text":"Hi"}'))
        events = await events_of(response)

    prelude, end, *body = _payloads(events)
    assert json.loads(prelude)["statusCode"] == 200
    assert end == b"\0" * 8
    request, _ = _seen(b"".join(body))
    path, _, query = request["target"].partition("?")
    assert path == "/api/chat"
    assert sorted(query.split("&")) == ["a=1", "a=2", "text=x+y%26z"]
    assert [value for name, value in request["headers"] if name == "x-two"] == ["b"]
    assert request["body"] == '{"text":"Hi"}'
    assert events[-1] == InvokeComplete()


@pytest.mark.parametrize(
    "event",
    [
        {"action": "chat", "payload": {"text": "Hi"}},
        {"body": '{"messages":[]}'},
        {"id": "c1", "messages": []},
        {"source": "aws.events"},
    ],
    ids=["direct", "wrapped", "use-chat", "scheduler"],
)
async def test_any_other_event_is_posted_verbatim_to_the_events_route(event: object) -> None:
    async with adapted() as running:
        response = await post(running, INVOKE, event)

    request, seen = _seen(response.text)
    assert (request["method"], request["target"]) == ("POST", "/events")
    assert json.loads(request["body"]) == event
    assert seen["content-type"] == "application/json"
    assert seen["x-amzn-request-context"] == "null"


async def test_the_deadline_comes_in_lambdas_context_whatever_the_client_says() -> None:
    spoofed = {"x-amzn-lambda-context": '{"deadline":1}', "x-amzn-request-context": "{}"}
    async with adapted(timeout_s=30.0) as running:
        before = time.time()
        response = await post(running, "/api/chat", {}, spoofed)
        after = time.time()

    request, seen = _seen(response.text)
    assert [name for name, _ in request["headers"]].count("x-amzn-lambda-context") == 1
    context = json.loads(seen["x-amzn-lambda-context"])
    # In an environment that has to start first, the time limit counts from its start.
    assert before + 30 - 0.1 <= context["deadline"] / 1000 <= after + 30
    assert context["request_id"] == response.headers["x-amzn-requestid"]
    assert json.loads(seen["x-amzn-request-context"])["http"]["path"] == "/api/chat"


async def test_status_cookies_and_repeated_headers_reach_the_http_client() -> None:
    async with adapted() as running:
        response = await post(running, "/cookies", {})

    assert (response.status_code, response.text) == (201, "made")
    assert response.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]
    assert response.headers.get_list("x-twice") == ["one", "two"]


async def test_cookies_and_lists_of_header_values_stand_in_the_prelude() -> None:
    async with adapted() as running:
        events = await events_of(await post(running, STREAM, rest_api("GET", "/cookies")))

    prelude = json.loads(_payloads(events)[0])
    assert prelude["statusCode"] == 201
    assert prelude["cookies"] == ["a=1; Path=/", "b=2"]
    assert prelude["headers"]["x-twice"] == ["one", "two"]
    # The adapter keeps headers that no front passes on for a stream.
    assert prelude["headers"]["content-length"] == "4"
    assert prelude["headers"]["content-type"] == "application/octet-stream"


async def test_an_error_status_of_the_app_is_the_status_of_the_response() -> None:
    async with adapted() as running:
        response = await post(running, "/unavailable", {})

    assert (response.status_code, response.text) == (503, "later")
    assert response.headers["retry-after"] == "7"


async def test_a_response_without_a_body_ends() -> None:
    async with adapted() as running:
        response = await post(running, "/empty", {})

    assert (response.status_code, response.content) == (204, b"")


async def test_chosen_error_statuses_become_function_errors() -> None:
    async with adapted(variables={"AWS_LWA_ERROR_STATUS_CODES": "500-599"}) as running:
        url = await post(running, "/unavailable", {})
        invoked = await post(running, INVOKE, rest_api("GET", "/unavailable"))

    assert (url.status_code, url.json()) == (502, {"Message": "Internal Server Error"})
    assert invoked.headers["x-amz-function-error"] == "Unhandled"
    assert "configured error status code: 503" in invoked.json()["errorMessage"]


async def test_an_app_that_hangs_up_before_its_response_is_a_function_error() -> None:
    async with adapted() as running:
        response = await post(running, "/no-answer", {})
        events = await events_of(await post(running, STREAM, rest_api("GET", "/no-answer")))

    assert response.status_code == 502
    (complete,) = events
    assert isinstance(complete, InvokeComplete)
    assert complete.error_code
    assert "client error (SendRequest)" in (complete.error_details or "")


async def test_an_app_that_hangs_up_in_mid_stream_is_told_in_the_body_and_nowhere_else() -> None:
    async with adapted() as running:
        response = await post(running, "/break-off", {})
        events = await events_of(await post(running, STREAM, rest_api("GET", "/break-off")))

    trailer_text = (
        b"Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n"
        b"Lambda-Runtime-Function-Error-Body: ZXJyb3IgcmVhZGluZyBhIGJvZHkgZnJvbSBjb25uZWN0aW9u\r\n"
    )
    # Lambda does not learn of the failure: the stream ends like any other.
    assert (response.status_code, response.content) == (200, b"hello " + trailer_text)
    assert b"".join(_payloads(events)).endswith(b"\0hello " + trailer_text)
    assert events[-1] == InvokeComplete()


async def test_the_adapter_waits_for_a_slow_app_and_says_so() -> None:
    async with adapted(variables={"READY_AFTER_S": "2.2"}) as running:
        response = await post(running, "/api/chat", {})

    assert response.status_code == 200
    assert "app is not ready after 2000ms" in running.log


async def test_an_app_slower_than_lambdas_init_starts_again_within_the_invocation() -> None:
    async with adapted(variables={"READY_AFTER_S": "1"}, init_timeout_s=0.5) as running:
        response = await post(running, "/api/chat", {})

    assert response.status_code == 200
    assert "Phase: init Status: timeout" in running.log


async def test_with_async_init_the_adapter_reports_ready_before_lambda_gives_up() -> None:
    # Lambda's init phase ends after 10 s; the adapter stops waiting after 9.8 s.
    variables = {"READY_AFTER_S": "10.5", "AWS_LWA_ASYNC_INIT": "true"}
    async with adapted(variables=variables) as running, httpx2.AsyncClient(timeout=40) as client:
        response = await client.post(running.url + "/api/chat", json={})

    assert response.status_code == 200
    assert "Phase: init" not in running.log


async def test_an_app_that_never_gets_ready_is_a_timeout() -> None:
    variables = {"READY_AFTER_S": "3600"}
    async with adapted(variables=variables, init_timeout_s=0.3, timeout_s=0.7) as running:
        response = await post(running, INVOKE, {})

    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert "Sandbox.Timedout" in response.text


async def test_the_app_is_told_to_stop_before_it_is_killed() -> None:
    async with adapted() as running:
        await post(running, "/api/chat", {})

    assert "web app: told to stop" in running.log


async def test_a_body_that_is_no_base64_never_reaches_the_app() -> None:
    """It panics. As its makers build it that ends the process: nobody answers the invocation."""
    event = function_url(body="%no base64%", isBase64Encoded=True)
    async with adapted() as running:
        response = await post(running, INVOKE, event)

    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert "failed to decode aws base64 encoded body" in response.text
    assert "web app: POST" not in running.log


async def test_a_misspelt_invoke_mode_silently_buffers() -> None:
    async with adapted(variables={"AWS_LWA_INVOKE_MODE": "streaming"}) as running:
        events = await events_of(await post(running, STREAM, rest_api("GET", "/cookies")))

    # This is why our entry point refuses a misspelt mode.
    (document,) = _payloads(events)
    assert json.loads(document)["statusCode"] == 201
