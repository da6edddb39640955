"""The response between its producer and its consumer, either of which may leave first."""

import asyncio
import contextlib
import json

from app.emulator.function_response import (
    FunctionFailure,
    FunctionResponse,
    ResponseEnd,
    ResponseEvent,
    ResponseStart,
)

PATIENCE_S = 15.0
START = ResponseStart("text/plain", streamed=True)
FAILURE = FunctionFailure("Function.Late", "{}")


async def events_of(response: FunctionResponse) -> list[ResponseEvent]:
    async with asyncio.timeout(PATIENCE_S), contextlib.aclosing(response.events()) as events:
        return [event async for event in events]


async def test_events_come_in_order_and_end() -> None:
    response = FunctionResponse()

    await response.put(START)
    await response.put(b"ab")
    await response.put(b"c")
    response.finish()

    assert await events_of(response) == [START, b"ab", b"c", ResponseEnd(None)]
    assert response.streamed_bytes == 3
    assert response.first_byte_at is not None


async def test_only_the_first_end_counts_and_nothing_comes_after_it() -> None:
    response = FunctionResponse()

    response.finish(FAILURE)
    response.finish()
    await response.put(b"late")

    assert await events_of(response) == [ResponseEnd(FAILURE)]
    assert response.end == ResponseEnd(FAILURE)


async def test_a_producer_waits_for_a_slow_consumer() -> None:
    response = FunctionResponse()
    sent: list[int] = []

    async def produce() -> None:
        for number in range(6):
            await response.put(b"x")
            sent.append(number)
        response.finish()

    producing = asyncio.create_task(produce())
    for _ in range(20):
        await asyncio.sleep(0)
    waiting_after = len(sent)
    events = await events_of(response)
    await producing

    assert waiting_after == 4
    assert events == [b"x"] * 6 + [ResponseEnd(None)]


async def test_a_producer_whose_consumer_has_left_does_not_wait() -> None:
    response = FunctionResponse()
    await response.put(b"unread")

    response.abandon()
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(100):
            await response.put(b"x")
    response.finish()

    assert await events_of(response) == [ResponseEnd(None)]
    assert response.streamed_bytes == len(b"unread") + 100


async def test_the_end_frees_a_producer_that_waits() -> None:
    response = FunctionResponse()
    for _ in range(4):
        await response.put(b"x")
    waiting = asyncio.create_task(response.put(b"never read"))
    await asyncio.sleep(0)

    response.finish(FAILURE)
    async with asyncio.timeout(PATIENCE_S):
        await waiting

    assert await events_of(response) == [b"x"] * 4 + [ResponseEnd(FAILURE)]


async def test_the_log_tail_comes_once_the_invocation_is_over() -> None:
    response = FunctionResponse()
    asked = asyncio.create_task(response.log_tail())
    await asyncio.sleep(0)
    assert not asked.done()

    response.close(b"the log")

    assert await asked == b"the log"


def test_a_failure_that_lambda_reports_names_the_request() -> None:
    failure = FunctionFailure.of_invocation("Sandbox.Timedout", "id-1", "Task timed out")

    assert failure.type == "Sandbox.Timedout"
    assert json.loads(failure.body) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-1 Error: Task timed out",
    }
