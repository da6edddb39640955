"""What happens when a runtime, a client or a program fails."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

import httpx2
import pytest

from app.aws.event_stream import InvokeComplete, StreamEvent
from tests.emulator.emulation import (
    ADDRESSES,
    INVOKE,
    PATIENCE_S,
    STREAM,
    URL,
    Gate,
    Running,
    emulator,
    events_of,
    payload_of,
    post,
    posting,
    report_of,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ENDINGS = [
    ({"then": "exit", "status": 13}, "Runtime.ExitError", "exit status 13"),
    ({"then": "exit", "status": 0}, "Runtime.ExitError", "exited without providing a reason"),
    ({"then": "kill"}, "Runtime.ExitError", "signal: killed"),
    ({"then": "cut"}, "Runtime.TruncatedResponse", "before the end"),
    ({"do": "bad chunk"}, "Runtime.TruncatedResponse", "before the end"),
    ({"then": "fail", "base64": True}, "Function.Late", "na\\u00efve"),
    ({"then": "fail", "base64": False}, "Function.Late", "na\\u00efve"),
    ({"then": "hang"}, "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
]
IDS = ["exit 13", "exit 0", "killed", "cut", "bad chunk", "trailers", "plain trailers", "time-out"]


def complete_of(events: list[StreamEvent]) -> InvokeComplete:
    complete = events[-1]
    assert isinstance(complete, InvokeComplete)
    return complete


async def responds_again(running: Running) -> None:
    """Check that after the fault the same function responds as if nothing had happened."""
    assert (await post(running, INVOKE, {"chunks": ["well"]})).text == "well"


@pytest.mark.parametrize(("ending", "code", "details"), ENDINGS, ids=IDS)
async def test_the_event_stream_says_how_a_response_broke_off(
    ending: dict[str, object], code: str, details: str
) -> None:
    async with emulator(timeout_s=1.0) as running:
        response = await post(running, STREAM, {"chunks": ["good"], **ending})
        events = await events_of(response)
        await responds_again(running)

    assert payload_of(events) == b"good"
    assert complete_of(events).error_code == code
    assert details in (complete_of(events).error_details or "")


@pytest.mark.parametrize("path", [INVOKE, URL])
@pytest.mark.parametrize(("ending", "code", "details"), ENDINGS, ids=IDS)
async def test_an_http_response_that_broke_off_has_no_end(
    path: str, ending: dict[str, object], code: str, details: str
) -> None:
    received = b""
    async with emulator(timeout_s=1.0) as running:
        async with posting(running, path, {"chunks": ["good"], **ending}) as response:
            with pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"):
                async for piece in response.aiter_raw():
                    received += piece
        await running.logged(f"Error Type: {code}")
        await responds_again(running)

    assert received == b"good"


FIRST_BYTE = [
    ({"do": "early error"}, "Function.Early"),
    ({"do": "wrong mode"}, "Runtime.InvalidResponseModeHeader"),
    ({"then": "exit", "status": 1}, "Runtime.ExitError"),
]


@pytest.mark.parametrize(("order", "code"), FIRST_BYTE, ids=["error", "wrong mode", "exit"])
async def test_a_failure_before_the_first_byte_is_told_on_both_invoke_addresses(
    order: dict[str, object], code: str
) -> None:
    async with emulator() as running:
        invoked = await post(running, INVOKE, order)
        streamed = await events_of(await post(running, STREAM, order))

    assert invoked.status_code == 200
    assert invoked.headers["x-amz-function-error"] == "Unhandled"
    assert invoked.json()["errorType"] == code
    assert complete_of(streamed).error_code == code


async def test_a_function_url_responds_with_502_to_a_failure_before_the_first_byte() -> None:
    async with emulator() as running:
        response = await post(running, URL, {"do": "early error"})

    assert response.status_code == 502
    assert response.json() == {"Message": "Internal Server Error"}


async def test_a_runtime_that_dies_at_its_start_is_tried_twice_and_then_told() -> None:
    async with emulator(variables={"START": "die"}) as running:
        events = await events_of(await post(running, STREAM, {}))
        url = await post(running, URL, {})

    assert complete_of(events).error_code == "Runtime.ExitError"
    assert "exit status 3" in (complete_of(events).error_details or "")
    assert url.status_code == 502
    assert running.log.count("Phase: init Status: error Error Type: Runtime.ExitError") == 4


async def test_a_runtime_that_reports_an_init_error_is_quoted() -> None:
    async with emulator(variables={"START": "init error"}) as running:
        response = await post(running, INVOKE, {})

    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json() == {"errorMessage": "no handler"}
    assert "Error Type: Runtime.NoSuchHandler" in running.log


async def test_a_runtime_that_never_polls_is_explained_and_ends_in_a_time_out() -> None:
    start = {"START": "hang"}
    async with emulator(variables=start, init_timeout_s=0.3, timeout_s=0.4) as running:
        events = await events_of(await post(running, STREAM, {}))

    assert complete_of(events).error_code == "Sandbox.Timedout"
    assert "after 0.3 s nobody had asked the Runtime API for work" in running.log
    assert "--extensions" in running.log


async def test_a_command_that_cannot_be_executed_is_named(tmp_path: Path) -> None:
    script = tmp_path / "broken"
    script.write_text("#!/nonexistent/interpreter\n")
    script.chmod(0o755)

    async with emulator((str(script),)) as running:
        events = await events_of(await post(running, STREAM, {}))

    assert complete_of(events).error_code == "Runtime.InvalidEntrypoint"
    assert str(script) in (complete_of(events).error_details or "")


async def test_garbage_instead_of_a_prelude_is_a_bad_gateway_and_explained() -> None:
    async with emulator() as running:
        url = await post(running, URL, {"do": "garbage"})
        invoked = await post(running, INVOKE, {"do": "garbage"})
        streamed = await events_of(await post(running, STREAM, {"do": "garbage"}))
        await running.logged("does not begin with a prelude", 2)

    assert url.status_code == 502
    assert invoked.json()["errorType"] == "Runtime.InvalidPrelude"
    assert payload_of(streamed) == b"<html>not a prelude</html>"


async def test_a_response_that_ends_inside_its_prelude_is_a_bad_gateway() -> None:
    async with emulator() as running:
        response = await post(running, URL, {"do": "garbage", "text": '{"statusCode":200}'})
        await running.logged("the answer ended inside it")

    assert response.status_code == 502


@pytest.mark.parametrize("buffered", [False, True], ids=["live", "buffered"])
@pytest.mark.parametrize(
    "prelude",
    [{"statusCode": 700}, {"headers": {"bad name": "x"}}, {"statusCode": 101}],
    ids=["status 700", "header name", "status 101"],
)
async def test_a_prelude_that_http_does_not_allow_is_a_bad_gateway(
    prelude: object, buffered: bool
) -> None:
    async with emulator(buffered=buffered) as running:
        # Live, more than the buffers on the way hold: who does not read it on must let it go.
        order = {"prelude": prelude, "megabytes": 5 if buffered else 32}
        response = await post(running, URL, order)
        await running.logged("END RequestId")
        await responds_again(running)

    assert response.status_code == 502


async def test_garbage_instead_of_http_is_refused_and_the_runtime_may_go_on() -> None:
    async with emulator() as running:
        response = await post(running, INVOKE, {"do": "no http", "chunks": ["still"]})

    assert response.text == "still"


async def test_a_second_response_is_forbidden_and_changes_nothing() -> None:
    async with emulator() as running:
        response = await post(running, INVOKE, {"chunks": ["once"], "twice": True})
        await running.logged("END RequestId")

    assert response.text == "once"
    assert "first answer: 202" in running.log
    assert "second answer: 403" in running.log
    assert "InvalidStateTransition" in running.log


@pytest.mark.parametrize("path", ADDRESSES)
async def test_ten_megabytes_in_one_chunk_arrive_whole(path: str) -> None:
    async with emulator() as running:
        response = await post(running, path, {"one_chunk_mb": 10})
        body = response.content if path != STREAM else payload_of(await events_of(response))

    assert len(body) == 10 * 2**20


async def test_a_process_that_is_killed_while_idle_is_replaced() -> None:
    async with emulator() as running:
        known = await post(running, INVOKE, {"do": "report"})
        await running.logged("END RequestId")
        os.kill(report_of(known)["pid"], signal.SIGKILL)
        await running.logged("runtime ended between invocations: signal: killed")
        await responds_again(running)


async def test_a_process_that_ends_right_after_its_response_is_replaced() -> None:
    async with emulator() as running:
        first = await post(running, INVOKE, {"chunks": ["bye"], "then": "end and exit"})
        await running.logged("Error Type: Runtime.ExitError")
        await responds_again(running)

    assert first.text == "bye"


async def test_the_function_is_not_told_that_its_client_left() -> None:
    async with emulator() as running, Gate() as gate:
        order = {"chunks": ["one", "two", "three"], "gate": gate.port}
        request = posting(running, INVOKE, order)
        opening = asyncio.ensure_future(request.__aenter__())
        await gate.arrival()
        await gate.release()
        response = await opening
        assert await anext(response.aiter_raw()) == b"one"

        await request.__aexit__(None, None, None)

        await gate.release()
        await gate.release()
        log = await running.logged("END RequestId")
        await responds_again(running)

    assert "first answer: 202" in log
    assert "Bytes Streamed: 11" in log


async def test_a_client_that_stops_reading_does_not_outlive_the_time_out() -> None:
    async with emulator(timeout_s=1.0) as running:
        async with posting(running, INVOKE, {"megabytes": 64}) as response:
            # Nothing is read: the function fills every buffer on the way and stands still.
            await running.logged("Error Type: Sandbox.Timedout")
            assert response.status_code == 200
        await responds_again(running)


async def test_more_memory_than_the_limit_kills_the_environment() -> None:
    async with emulator(memory_mb=64, timeout_s=PATIENCE_S) as running:
        events = await events_of(await post(running, STREAM, {"do": "allocate", "mb": 100}))
        await responds_again(running)

    assert complete_of(events).error_code == "Runtime.ExitError"
    assert "signal: killed" in (complete_of(events).error_details or "")
    assert "MB of its 64 MB and was killed; --memory MB gives it more" in running.log


@pytest.mark.parametrize(
    "order", [{"do": "buffered", "result_bytes": 6 * 2**20 + 200}, {"megabytes": 7}]
)
async def test_a_buffered_response_over_six_megabytes_is_refused(order: object) -> None:
    async with emulator(buffered=True) as running:
        response = await post(running, INVOKE, order)
        await running.logged("first answer: 413")
        await responds_again(running)

    assert response.json()["errorType"] == "Function.ResponseSizeTooLarge"


async def test_bandwidth_makes_a_large_response_as_slow_as_on_lambda() -> None:
    async with emulator(bandwidth=True) as running:
        began = time.monotonic()
        response = await post(running, INVOKE, {"megabytes": 7})
        took_s = time.monotonic() - began

    # The seventh megabyte comes at two a second. A busy machine only makes it slower.
    assert len(response.content) == 7 * 2**20
    assert took_s > 0.4


async def test_a_streamed_response_may_be_larger_than_six_megabytes() -> None:
    async with emulator() as running:
        response = await post(running, INVOKE, {"megabytes": 7})

    assert len(response.content) == 7 * 2**20


def descriptors_and_tasks() -> tuple[int, int]:
    return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())


def child_processes() -> set[str]:
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }


async def test_a_hundred_invocations_in_a_row_leave_nothing_behind() -> None:
    faults: dict[int, dict[str, object]] = {
        25: {"then": "cut"},
        50: {"then": "exit", "status": 1},
    }
    before = descriptors_and_tasks()
    others = child_processes()  # such as the browser of the tests of the page
    async with emulator(timeout_s=5.0) as running:
        await responds_again(running)
        warm = descriptors_and_tasks()

        for number in range(100):
            order = {"chunks": [str(number)], **faults.get(number, {})}
            with contextlib.suppress(httpx2.RemoteProtocolError):
                await post(running, ADDRESSES[number % 3], order)
        await running.logged("END RequestId", 101)
        worked = descriptors_and_tasks()
        processes = child_processes()

    # A connection or two may be closing still; a leak would be a hundred.
    assert worked[0] < warm[0] + 10
    assert worked[1] < warm[1] + 10
    assert len(processes - others) == 1
    assert descriptors_and_tasks() == before
    assert child_processes() - others == set()


async def test_a_response_that_was_complete_keeps_its_end_when_the_emulator_stops() -> None:
    order = {"chunks": ["one"], "then": "fail", "base64": True, "linger": True}

    async with emulator() as running:
        response = await post(running, STREAM, order)

    assert b"Function.Late" in response.content
    assert "Error Type: Function.Late" in running.log
    assert "Sandbox.Failure" not in running.log
