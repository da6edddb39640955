"""One function: environments on demand, and their limit."""

import asyncio

import pytest

from app.emulator.function import Caller, Function, Throttled
from app.emulator.options import Options
from app.emulator.output import Console
from tests.emulator.emulation import (
    INVOKE,
    RAW,
    URL,
    Gate,
    emulator,
    post,
    report_of,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


async def test_environments_start_on_demand_and_are_used_again() -> None:
    async with emulator() as running, Gate() as gate:
        waiting = [
            asyncio.create_task(post(running, INVOKE, {"chunks": ["x"], "gate": gate.port}))
            for _ in range(2)
        ]
        for _ in waiting:
            await gate.arrival()
        await gate.release_all()
        responses = await asyncio.gather(*waiting)
        await running.logged("END RequestId", 2)
        await post(running, INVOKE, {"chunks": ["x"]})
        await running.logged("END RequestId", 3)

    assert [response.text for response in responses] == ["x", "x"]
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


async def test_a_function_that_is_asked_to_end_starts_nothing_more() -> None:
    options = Options(command=RAW)
    function = Function(options, "function", Console())
    function.ask_to_end()

    with pytest.raises(Throttled):
        function.invoke(b"{}", Caller())


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
