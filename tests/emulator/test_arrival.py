"""Chunks arrive one by one, at every address, from every runtime.

No clock is involved: the function sends a chunk only once the test has received the previous one.
"""

import asyncio
from collections.abc import AsyncGenerator

import httpx2
import pytest

from app.aws.event_stream import EventDecoder, InvokeComplete, PayloadChunk, StreamEvent
from tests.emulator.emulation import (
    ADDRESSES,
    INVOKE,
    NODE,
    OUR_VARIABLES,
    OURS,
    PATIENCE_S,
    RAW,
    STREAM,
    URL,
    Gate,
    emulator,
    posting,
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

CHUNKS = [f"chunk {number}\n" for number in range(5)]


async def pieces_of(response: httpx2.Response, path: str) -> AsyncGenerator[bytes, None]:
    """Yield the pieces of the response as they come, without the frames of the event stream."""
    decoder = EventDecoder()
    complete: list[StreamEvent] = []
    async for data in response.aiter_raw():
        if path != STREAM:
            yield data
            continue
        for event in decoder.feed(data):
            if isinstance(event, PayloadChunk):
                yield event.payload
            else:
                complete.append(event)
    assert complete == ([InvokeComplete()] if path == STREAM else [])


@pytest.mark.parametrize("path", ADDRESSES, ids=["invocations", "event stream", "function url"])
@pytest.mark.parametrize("command", [OURS, RAW, NODE], ids=["ours", "python", "node"])
async def test_each_chunk_arrives_before_the_next_is_sent(
    command: tuple[str, ...], path: str
) -> None:
    received: list[bytes] = []
    async with emulator(command, variables=OUR_VARIABLES) as running, Gate() as gate:
        order = {"chunks": CHUNKS, "gate": gate.port}
        request = posting(running, path, order)

        # The head may be held back until the first byte, so the first chunk is released first.
        opening = asyncio.ensure_future(request.__aenter__())
        await gate.arrival()
        await gate.release()
        response = await opening
        async with asyncio.timeout(PATIENCE_S):
            pieces = pieces_of(response, path)
            async for piece in pieces:
                received.append(piece)
                if len(received) < len(CHUNKS):
                    await gate.release()
        await request.__aexit__(None, None, None)

    assert [piece.decode() for piece in received] == CHUNKS


async def test_a_function_url_applies_the_prelude_of_the_node_runtime() -> None:
    async with emulator(NODE) as running, posting(running, URL, {"chunks": ["a"]}) as response:
        body = await response.aread()

    assert response.status_code == 201
    assert response.headers["x-from"] == "node"
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert body == b"a"


async def test_a_direct_response_keeps_its_content_type() -> None:
    async with emulator(NODE) as running, posting(running, INVOKE, {"chunks": ["a"]}) as response:
        await response.aread()

    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-amz-executed-version"] == "$LATEST"
