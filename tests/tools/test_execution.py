"""`app.tools.execution`: how a call ends that does not want to."""

import asyncio
import logging
from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Any

import pytest

from app.tools import Scene, Tool, tool
from app.tools.execution import run_tool
from app.tools.outcome import Failure, Outcome, Success


async def ignore(output: object) -> None: ...


async def run(one: Tool, **options: Any) -> Outcome:
    return await run_tool(
        one,
        {},
        tool_call_id="c1",
        scene=Scene(),
        on_status=lambda message: None,
        on_preliminary=ignore,
        **options,
    )


async def test_a_tool_that_ignores_its_cancellation_is_left_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate, has_ended = asyncio.Event(), asyncio.Event()

    @tool(timeout_s=0.01)
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await gate.wait()
            has_ended.set()

    outcome = await run(stubborn, cancel_grace_s=0.01)

    assert outcome == Failure("stubborn did not finish within 0.01 s.", "TIMEOUT")
    assert "stubborn ignores that it was cancelled" in caplog.text
    gate.set()
    await has_ended.wait()


async def test_a_tool_that_fails_while_it_is_cancelled_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @tool(timeout_s=0.01)
    async def clumsy() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("could not clean up")

    with caplog.at_level(logging.WARNING):
        outcome = await run(clumsy)

    assert isinstance(outcome, Failure)
    assert outcome.code == "TIMEOUT"
    assert "could not clean up" in caplog.text


async def test_a_generator_is_closed_when_its_call_is_over_time() -> None:
    is_closed = asyncio.Event()

    @tool(timeout_s=0.01)
    async def search() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    await run(search)

    assert is_closed.is_set()


async def test_a_view_of_a_dict_is_json_too() -> None:
    @tool
    def give() -> Any:
        return MappingProxyType({"a": 1})

    assert await run(give) == Success({"a": 1})
