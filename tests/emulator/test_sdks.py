"""The AWS SDKs read what the emulator writes: boto3 and @aws-sdk/client-lambda.

The SDK for JavaScript is installed by `npm ci --prefix tests/emulator/node`.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulator.emulation import NODE, OUR_VARIABLES, OURS, PATIENCE_S, RAW, Gate, emulator

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

SCRIPT = Path(__file__).parent / "node" / "invoke.mjs"
CHUNKS = ["one ", "two ", "three"]
RUNTIMES = pytest.mark.parametrize("command", [OURS, RAW, NODE], ids=["ours", "python", "node"])


def lambda_client(url: str) -> "LambdaClient":
    client: LambdaClient = boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="emulated",
        aws_secret_access_key="emulated",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_S),
    )
    return client


def invoke_with_boto3(url: str, order: object, **options: Any) -> list[dict[str, Any]]:
    """Invoke; return the events in the form that `invoke.mjs` prints."""
    client = lambda_client(url)
    try:
        payload = json.dumps(order).encode()
        response = client.invoke_with_response_stream(
            FunctionName="function", Payload=payload, **options
        )
        events: list[dict[str, Any]] = []
        for event in response["EventStream"]:
            if "PayloadChunk" in event:
                events.append({"chunk": event["PayloadChunk"]["Payload"].decode()})
            if "InvokeComplete" in event:
                events.append({"complete": event["InvokeComplete"]})
        return events
    finally:
        client.close()


@contextlib.asynccontextmanager
async def node_sdk(url: str, order: object, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run the SDK for JavaScript; inside, read its lines as it prints them."""
    assert (SCRIPT.parent / "node_modules").is_dir(), "run: npm ci --prefix tests/emulator/node"
    process = await asyncio.create_subprocess_exec(
        "node", str(SCRIPT), url, json.dumps(order), *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process.stdout
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def invoke_with_node(url: str, order: object, *arguments: str) -> list[dict[str, Any]]:
    async with node_sdk(url, order, *arguments) as lines, asyncio.timeout(PATIENCE_S):
        return [json.loads(line) async for line in lines]


async def invoke(sdk: str, url: str, order: object) -> list[dict[str, Any]]:
    if sdk == "boto3":
        return await asyncio.to_thread(invoke_with_boto3, url, order)
    return await invoke_with_node(url, order)


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event.get("chunk", "") for event in events)


SDKS = pytest.mark.parametrize("sdk", ["boto3", "javascript"])


@SDKS
@RUNTIMES
async def test_a_whole_response_ends_with_an_empty_invoke_complete(
    sdk: str, command: tuple[str, ...]
) -> None:
    async with emulator(command, variables=OUR_VARIABLES) as running:
        events = await invoke(sdk, running.url, {"chunks": CHUNKS})

    assert text_of(events) == "one two three"
    assert events[-1] == {"complete": {}}


@SDKS
async def test_an_error_in_mid_stream_is_named_after_what_came_before_it(sdk: str) -> None:
    order = {
        "chunks": CHUNKS,
        "then": "fail",
        "base64": True,
        "fail": {"type": "Function.Late", "message": "naïve"},
    }
    for command in (RAW, NODE):
        async with emulator(command) as running:
            events = await invoke(sdk, running.url, order)

        assert text_of(events) == "one two three"
        complete = events[-1]["complete"]
        assert complete["ErrorCode"] == "Function.Late"
        assert json.loads(complete["ErrorDetails"]) == {
            "errorType": "Function.Late",
            "errorMessage": "naïve",
        }


@SDKS
async def test_an_exception_in_our_runtime_is_named_after_what_came_before_it(sdk: str) -> None:
    async with emulator(OURS, variables=OUR_VARIABLES) as running:
        events = await invoke(sdk, running.url, {"chunks": CHUNKS, "then": "fail"})

    assert text_of(events) == "one two three"
    complete = events[-1]["complete"]
    assert "RuntimeError" in complete["ErrorCode"]
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "naïve"


@SDKS
@pytest.mark.parametrize("command", [RAW, NODE], ids=["python", "node"])
async def test_a_time_out_is_named_after_what_came_before_it(
    sdk: str, command: tuple[str, ...]
) -> None:
    order = {"chunks": CHUNKS, "then": "hang", "hang": True}
    async with emulator(command, timeout_s=1.0) as running:
        events = await invoke(sdk, running.url, order)

    assert text_of(events) == "one two three"
    complete = events[-1]["complete"]
    assert complete["ErrorCode"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in complete["ErrorDetails"]


async def test_the_sdk_for_javascript_has_each_chunk_before_the_next_is_sent() -> None:
    async with emulator() as running, Gate() as gate:
        order = {"chunks": CHUNKS, "gate": gate.port}
        async with node_sdk(running.url, order) as lines, asyncio.timeout(PATIENCE_S):
            await gate.arrival()
            for chunk in CHUNKS:
                await gate.release()
                assert json.loads(await lines.readline()) == {"chunk": chunk}
            assert json.loads(await lines.readline()) == {"complete": {}}


async def test_boto3_has_each_chunk_before_the_next_is_sent() -> None:
    async with emulator() as running, Gate() as gate:
        client = lambda_client(running.url)
        payload = json.dumps({"chunks": CHUNKS, "gate": gate.port}).encode()
        response = await asyncio.to_thread(
            client.invoke_with_response_stream, FunctionName="function", Payload=payload
        )
        events = iter(response["EventStream"])
        await gate.arrival()
        received: list[str] = []
        for _ in CHUNKS:
            await gate.release()
            event = await asyncio.to_thread(next, events)
            received.append(event["PayloadChunk"]["Payload"].decode())
        complete = await asyncio.to_thread(next, events)
        response["EventStream"].close()
        client.close()

    assert received == CHUNKS
    assert complete["InvokeComplete"] == {}


async def test_the_log_comes_with_invoke_complete_when_asked_for() -> None:
    async with emulator() as running:
        events = await asyncio.to_thread(
            invoke_with_boto3, running.url, {"chunks": CHUNKS}, LogType="Tail"
        )

    log = base64.b64decode(events[-1]["complete"]["LogResult"]).decode()
    start, *printed, end, report, rest = log.split("\n")
    assert start.startswith("START RequestId: ")
    assert printed == ["working", "first answer: 202"]
    assert end.startswith("END RequestId: ")
    assert "Init Duration: " in report
    assert f"Bytes Streamed: {len('one two three')}" in report
    assert rest == ""


async def test_a_function_that_fails_before_the_first_byte_is_no_exception_of_the_sdk() -> None:
    async with emulator() as running:
        events = await asyncio.to_thread(
            invoke_with_boto3, running.url, {"do": "early error", "chunks": []}
        )

    details = '{"errorType": "Function.Early", "errorMessage": "no"}'
    assert events == [{"complete": {"ErrorCode": "Function.Early", "ErrorDetails": details}}]


@pytest.mark.parametrize(
    ("payload", "exception", "status"),
    [
        (b"{not json", "InvalidRequestContentException", 400),
        (b'"' + bytes(6 * 2**20).replace(b"\0", b"x") + b'"', "RequestTooLargeException", 413),
    ],
    ids=["not json", "over 6 MB"],
)
async def test_boto3_names_why_lambda_refuses(payload: bytes, exception: str, status: int) -> None:
    async with emulator() as running:
        client = lambda_client(running.url)
        with pytest.raises(ClientError) as refusal:
            await asyncio.to_thread(
                client.invoke_with_response_stream, FunctionName="function", Payload=payload
            )
        client.close()

    assert refusal.value.response["Error"]["Code"] == exception
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


async def test_both_sdks_are_throttled_like_on_lambda() -> None:
    async with emulator(concurrency=1) as running, Gate() as gate:
        order = {"chunks": ["late"], "gate": gate.port}
        first = asyncio.create_task(asyncio.to_thread(invoke_with_boto3, running.url, order))
        await gate.arrival()

        with pytest.raises(ClientError) as refusal:
            await asyncio.to_thread(invoke_with_boto3, running.url, {"chunks": []})
        javascript = await invoke_with_node(running.url, {"chunks": []})
        await gate.release()
        events = await first

    assert refusal.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert javascript == [{"error": "TooManyRequestsException", "status": 429}]
    assert text_of(events) == "late"


async def test_invoke_and_dry_run_work_with_boto3_too() -> None:
    async with emulator() as running:
        client = lambda_client(running.url)
        order = json.dumps({"chunks": CHUNKS}).encode()
        whole = await asyncio.to_thread(client.invoke, FunctionName="function", Payload=order)
        dry = await asyncio.to_thread(
            client.invoke, FunctionName="function", InvocationType="DryRun"
        )
        arn = "arn:aws:lambda:us-east-1:012345678912:function:function:live"
        event = await asyncio.to_thread(
            client.invoke, FunctionName=arn, InvocationType="Event", Payload=order
        )
        await running.logged("END RequestId", 2)
        body = whole["Payload"].read()
        client.close()

    assert (whole["StatusCode"], body) == (200, b"one two three")
    assert "FunctionError" not in set(whole)
    assert dry["StatusCode"] == 204
    assert event["StatusCode"] == 202
