"""The seam to whoever traces: nothing happens where nobody does."""

import asyncio

import pytest

from app.messages import StepRequest
from app.tracing import NO_TRACE, sending, trace_headers

HEADERS = {"traceparent": "00-1-2-01"}


def test_nothing_is_sent_where_nothing_is_traced() -> None:
    assert trace_headers() == {}


def test_headers_are_sent_within_their_block() -> None:
    with sending(HEADERS):
        with sending({"traceparent": "inner"}):
            inner = trace_headers()
        outer = trace_headers()

    assert (inner, outer, trace_headers()) == ({"traceparent": "inner"}, HEADERS, {})


def test_headers_end_with_their_block_also_by_an_error() -> None:
    with pytest.raises(ValueError, match="no"), sending(HEADERS):
        raise ValueError("no")

    assert trace_headers() == {}


async def test_headers_reach_what_the_block_starts_and_nobody_else() -> None:
    async def sent() -> object:
        await asyncio.sleep(0)
        return trace_headers()

    other = asyncio.create_task(sent())
    with sending(HEADERS):
        ours = asyncio.create_task(sent())
        in_a_thread = await asyncio.to_thread(trace_headers)

    assert (await ours, await other, in_a_thread) == (HEADERS, {}, HEADERS)


def test_what_is_not_traced_may_be_told_of_everything() -> None:
    with NO_TRACE.step(StepRequest(model="m", messages=())) as step:
        step.ended()
    with NO_TRACE.tool(name="t", description="", call_id="1", arguments={}) as tool:
        tool.ended(error_type=None, output=1)

    assert not NO_TRACE.is_on
    assert not NO_TRACE.keeps_content
