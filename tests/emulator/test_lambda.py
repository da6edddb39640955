"""Lambda's behaviour that a function or its caller can see."""

import asyncio
import base64
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.aws.event_stream import InvokeComplete, PayloadChunk
from app.emulator.cors import parse_cors
from tests.emulator.emulation import (
    FUNCTIONS,
    INVOKE,
    PATIENCE_S,
    STREAM,
    URL,
    Gate,
    emulator,
    events_of,
    post,
    posting,
    report_of,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def test_a_function_has_lambdas_environment_variables() -> None:
    variables = {"PORT": "9000", "AWS_REGION": "eu-north-1", "MINE": "1", "HOME": "/nonexistent"}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        variables[name] = ""
    variables["AWS_REGION"] = "eu-north-1"
    async with emulator(memory_mb=300, variables=variables) as running:
        environ = report_of(await post(running, INVOKE, {"do": "report"}))["environ"]

    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "function"
    assert environ["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "300"
    assert environ["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert environ["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/function"
    assert re.fullmatch(
        r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", environ["AWS_LAMBDA_LOG_STREAM_NAME"]
    )
    assert environ["AWS_REGION"] == environ["AWS_DEFAULT_REGION"] == "eu-north-1"
    assert environ["AWS_ACCESS_KEY_ID"] == "emulated"
    assert environ["LAMBDA_TASK_ROOT"] == os.getcwd()
    assert environ["TZ"] == ":UTC"
    assert environ["MINE"] == "1"
    # The port outside is the emulator's: a web app that follows PORT gets one of its own.
    assert environ["PORT"] == environ["AWS_LWA_PORT"] != "9000"


async def test_real_credentials_are_left_alone() -> None:
    variables = {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": ""}
    async with emulator(variables=variables) as running:
        environ = report_of(await post(running, INVOKE, {"do": "report"}))["environ"]

    assert environ["AWS_PROFILE"] == "mine"
    assert environ["AWS_ACCESS_KEY_ID"] == ""


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


async def test_no_payload_is_an_empty_object() -> None:
    async with emulator() as running, httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        response = await client.post(running.url + INVOKE)

    assert (response.status_code, response.content) == (200, b"")


async def test_environments_start_on_demand_and_are_used_again() -> None:
    async with emulator() as running, Gate() as gate:
        waiting = [
            asyncio.create_task(post(running, INVOKE, {"chunks": ["x"], "gate": gate.port}))
            for _ in range(2)
        ]
        for _ in waiting:
            await gate.arrival()
        await gate.release_all()
        answers = await asyncio.gather(*waiting)
        await running.logged("END RequestId", 2)
        await post(running, INVOKE, {"chunks": ["x"]})
        await running.logged("END RequestId", 3)

    assert [answer.text for answer in answers] == ["x", "x"]
    assert running.log.count("Init Duration") == 2
    assert "function#1" in running.log
    assert "function#2" in running.log
    assert "function#3" not in running.log


async def test_a_function_url_is_throttled_with_429() -> None:
    async with emulator(concurrency=1) as running, Gate() as gate:
        first = asyncio.create_task(post(running, URL, {"chunks": ["x"], "gate": gate.port}))
        await gate.arrival()
        second = await post(running, URL, {})
        await gate.release()
        await first

    assert second.status_code == 429
    assert second.headers["x-amzn-errortype"] == "TooManyRequestsException"


async def test_named_functions_have_their_own_handler_and_others_are_the_default() -> None:
    async with emulator(
        handlers={"words": "words:handler"}, variables={"_HANDLER": "x"}
    ) as running:
        reports = [
            report_of(await post(running, INVOKE.replace("/function/", f"/{name}/"), order))
            for order in [{"do": "report"}]
            for name in ("words", "other")
        ]

    named, other = (report["environ"] for report in reports)
    assert (named["AWS_LAMBDA_FUNCTION_NAME"], named["_HANDLER"]) == ("words", "words:handler")
    assert (other["AWS_LAMBDA_FUNCTION_NAME"], other["_HANDLER"]) == ("function", "x")


async def test_a_prelude_is_applied_unless_raw_invoke_is_asked_for() -> None:
    order = {
        "chunks": ["body"],
        "prelude": {"statusCode": 418, "headers": {"x-tea": "naïve"}, "cookies": ["a=1"]},
    }
    # Only an HTTP event makes the test function write a prelude.
    event = {"requestContext": {}, "body": json.dumps(order)}
    async with emulator() as running:
        applied = await post(running, INVOKE, event)
    async with emulator(raw_invoke=True) as running:
        raw = await post(running, INVOKE, event)

    assert (applied.status_code, applied.text) == (418, "body")
    assert applied.headers["x-tea"] == "naïve"
    assert applied.headers["set-cookie"] == "a=1"
    assert raw.status_code == 200
    assert raw.content.endswith(b"}" + bytes(8) + b"body")


async def test_buffered_answers_come_whole_on_every_front() -> None:
    async with emulator(buffered=True) as running:
        order = {"chunks": ["a", "b"]}
        invoked = await post(running, INVOKE, order, {"x-amz-log-type": "Tail"})
        streamed = await events_of(await post(running, STREAM, order))
        url = await post(running, URL, order)
        late = await post(running, INVOKE, {**order, "then": "fail", "base64": True})

    assert invoked.headers["content-length"] == url.headers["content-length"] == "2"
    assert "REPORT" in base64.b64decode(invoked.headers["x-amz-log-result"]).decode()
    assert streamed == [PayloadChunk(b"ab"), InvokeComplete()]
    assert late.headers["x-amz-function-error"] == "Unhandled"
    assert late.json()["errorType"] == "Function.Late"


@pytest.mark.parametrize(
    ("result", "status", "content"),
    [
        ({"statusCode": 201, "body": "text", "headers": {"x-a": "1"}}, 201, b"text"),
        ({"statusCode": 200, "body": "AAE=", "isBase64Encoded": True}, 200, b"\0\1"),
        ({"statusCode": 200, "body": {"a": 1}}, 200, b'{"a": 1}'),
        ({"statusCode": "many"}, 200, b'{"statusCode": "many"}'),
        (["plain"], 200, b'["plain"]'),
    ],
    ids=["text", "base64", "object", "bad status", "plain"],
)
async def test_a_buffered_function_url_reads_the_proxy_format(
    result: object, status: int, content: bytes
) -> None:
    async with emulator(buffered=True) as running:
        response = await post(running, URL, {"do": "buffered", "result": result})

    assert (response.status_code, response.content) == (status, content)


async def test_a_head_request_and_a_204_have_no_body() -> None:
    async with emulator() as running:
        order = {"chunks": ["not for you"], "prelude": {"statusCode": 204}}
        empty = await post(running, URL, order)
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
            head = await client.request("HEAD", running.url + URL, json={"chunks": ["x"]})
            again = await client.post(running.url + URL, json={"chunks": ["x"]})

    assert (empty.status_code, empty.content) == (204, b"")
    assert (head.status_code, head.content) == (200, b"")
    assert again.text == "x"


async def test_a_request_over_six_megabytes_is_refused_by_a_function_url() -> None:
    async with emulator() as running:
        plain = await post(running, URL, "x" * (6 * 2**20))
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
            in_base64 = await client.post(running.url + URL, content=bytes(5 * 2**20))

    assert plain.status_code == in_base64.status_code == 413


async def test_invoke_takes_post_only() -> None:
    async with emulator() as running, httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        response = await client.get(running.url + INVOKE)

    assert response.status_code == 405


async def test_a_client_context_that_is_not_base64_is_refused() -> None:
    async with emulator() as running:
        response = await post(running, INVOKE, {}, {"x-amz-client-context": "{}"})

    assert response.status_code == 400
    assert response.headers["x-amzn-errortype"] == "InvalidRequestContentException"


async def test_a_page_on_this_machine_may_invoke_and_another_may_not() -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-a"}
    async with emulator() as running, httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        local = {"origin": "http://localhost:5173"}
        allowed = await client.options(running.url + INVOKE, headers={**local, **asked})
        answer = await post(running, INVOKE, {"chunks": ["x"]}, local)
        foreign = {"origin": "https://example.com"}
        refused = await client.options(running.url + INVOKE, headers={**foreign, **asked})

    assert allowed.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert allowed.headers["access-control-allow-methods"] == "POST"
    assert allowed.headers["access-control-allow-headers"] == "x-a"
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "access-control-allow-origin" not in refused.headers


async def test_a_function_urls_cors_answers_the_preflight_itself() -> None:
    cors = parse_cors('{"AllowOrigins":["https://a.example"],"AllowMethods":["GET"],"MaxAge":5}')
    origin = {"origin": "https://a.example"}
    order = {
        "chunks": ["x"],
        "prelude": {"statusCode": 200, "headers": {"access-control-allow-origin": "*"}},
    }
    async with emulator(cors=cors) as running, httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        asked = {**origin, "access-control-request-method": "GET"}
        preflight = await client.options(running.url + URL, headers=asked)
        assert "START" not in running.log
        answer = await post(running, URL, order, origin)

    assert preflight.headers["access-control-allow-methods"] == "GET"
    assert preflight.headers["access-control-max-age"] == "5"
    # As on Lambda: who configures CORS in two places gets two headers.
    assert answer.headers.get_list("access-control-allow-origin") == ["*", "https://a.example"]


def install_extension(folder: Path, name: str = "companion") -> tuple[Path, ...]:
    path = folder / name
    shutil.copy(FUNCTIONS / "extension.py", path)
    path.write_text(f"#!{shutil.which('python3')}\n{path.read_text()}")
    path.chmod(0o755)
    return (path,)


async def test_an_extension_gets_its_events_and_says_goodbye(tmp_path: Path) -> None:
    variables = {"EXTENSION_EVENTS": '["INVOKE", "SHUTDOWN"]', "_HANDLER": "x:y"}
    extensions = install_extension(tmp_path)
    async with emulator(extensions=extensions, variables=variables) as running:
        response = await post(running, INVOKE, {"chunks": ["x"]})
        await running.logged("END RequestId")
        second = await post(running, INVOKE, {"chunks": ["y"]})
        await running.logged("END RequestId", 2)

    log = running.log
    assert (response.text, second.text) == ("x", "y")
    known = "{'functionName': 'function', 'functionVersion': '$LATEST', 'handler': 'x:y'}"
    assert f"extension: registered {known}" in log
    assert "extension: telemetry Telemetry.NotSupported" in log
    assert log.count("extension: INVOKE") == 2
    assert "extension: SHUTDOWN spindown" in log
    assert "extension: goodbye" in log


async def test_an_extension_is_told_of_a_time_out(tmp_path: Path) -> None:
    variables = {"EXTENSION_EVENTS": '["SHUTDOWN"]'}
    extensions = install_extension(tmp_path)
    async with emulator(extensions=extensions, variables=variables, timeout_s=0.5) as running:
        events = await events_of(await post(running, STREAM, {"then": "hang"}))
        await running.logged("extension: goodbye")

    assert isinstance(events[-1], InvokeComplete)
    assert events[-1].error_code == "Sandbox.Timedout"
    assert "extension: SHUTDOWN timeout" in running.log


async def test_an_extension_may_poll_for_a_command_that_is_no_runtime(tmp_path: Path) -> None:
    extensions = install_extension(tmp_path, "lambda-adapter")
    web_server = ("sleep", "3600")
    async with emulator(
        web_server, extensions=extensions, variables={"EXTENSION": "polls"}
    ) as running:
        response = await post(running, INVOKE, {"a": 1})

    assert response.json() == {"answered by": "lambda-adapter", "event": {"a": 1}}


@pytest.mark.parametrize(
    ("how", "code"),
    [("dies", "Extension.Crash"), ("init error", "Extension.InitError")],
)
async def test_an_extension_that_fails_fails_the_invocation(
    tmp_path: Path, how: str, code: str
) -> None:
    extensions = install_extension(tmp_path)
    async with emulator(extensions=extensions, variables={"EXTENSION": how}) as running:
        events = await events_of(await post(running, STREAM, {"then": "hang"}))

    assert isinstance(events[-1], InvokeComplete)
    assert events[-1].error_code == code


async def test_an_extension_that_never_registers_is_named(tmp_path: Path) -> None:
    options: dict[str, Any] = {"init_timeout_s": 0.3, "timeout_s": 0.3}
    options["extensions"] = install_extension(tmp_path)
    async with emulator(variables={"EXTENSION": "silent"}, **options) as running:
        events = await events_of(await post(running, STREAM, {}))

    assert isinstance(events[-1], InvokeComplete)
    assert events[-1].error_code == "Sandbox.Timedout"
    assert "these extensions had not asked for an event: companion" in running.log


async def test_an_extension_that_cannot_be_executed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_text("#!/nonexistent/interpreter\n")
    path.chmod(0o755)
    async with emulator(extensions=(path,)) as running:
        events = await events_of(await post(running, STREAM, {}))

    assert isinstance(events[-1], InvokeComplete)
    assert events[-1].error_code == "Extension.LaunchError"
    assert "broken" in (events[-1].error_details or "")


async def test_changed_files_start_a_new_environment(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("1")
    async with emulator(watch=tmp_path) as running:
        await post(running, INVOKE, {"chunks": ["x"]})
        await running.logged("END RequestId")
        module.write_text("22")
        await running.logged("module.py changed")
        await post(running, INVOKE, {"chunks": ["x"]})
        await running.logged("END RequestId", 2)

    assert running.log.count("Init Duration") == 2


async def test_a_busy_environment_ends_after_its_answer_when_files_change(tmp_path: Path) -> None:
    async with emulator(watch=tmp_path) as running, Gate() as gate:
        order = {"chunks": ["x"], "gate": gate.port}
        first = asyncio.create_task(post(running, INVOKE, order))
        await gate.arrival()
        (tmp_path / "new.py").write_text("1")
        await running.logged("new.py changed")
        await gate.release()
        answer = await first
        await post(running, INVOKE, {"chunks": ["y"]})

    assert answer.text == "x"
    assert running.log.count("START RequestId") == running.log.count("Init Duration") == 2


async def test_the_log_tells_what_an_invocation_did() -> None:
    async with emulator(memory_mb=500) as running:
        async with posting(running, INVOKE, {"chunks": ["ab", "c"]}) as response:
            await response.aread()
        log = await running.logged("REPORT")

    request_id = response.headers["x-amzn-requestid"]
    assert log.splitlines()[:4] == [
        f"function#1 START RequestId: {request_id} Version: $LATEST",
        "function#1 working",
        "function#1 first answer: 202",
        f"function#1 END RequestId: {request_id}",
    ]
    assert re.fullmatch(
        rf"function#1 REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\t"
        r"Billed Duration: \d+ ms\tMemory Size: 500 MB\tMax Memory Used: [1-9]\d* MB\t"
        r"Init Duration: [\d.]+ ms\tBytes Streamed: 3\tTime To First Byte: [\d.]+ ms",
        log.splitlines()[4],
    )
