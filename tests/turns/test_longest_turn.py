"""``CHAT_MAX_TURN_S`` ends whatever runs, says so, and leaves nothing behind. Over real sockets."""

import asyncio
import json
import time
from typing import Any

import pytest

from app.scripted_model.control import Control
from app.tools import tool
from app.turns.errors import TimeLimitReached
from tests.chatting import chatting, data_body, logged, ui_body
from tests.providers.upstream import Connection, respond, serve

LIMIT_S = 0.3
SENTENCE = TimeLimitReached.public_message

WORD = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'


def calls(name: str) -> bytes:
    made = {"index": 0, "id": "c1", "type": "function", "function": {"name": name}}
    made["function"] |= {"arguments": "{}"}  # type: ignore[operator]
    choice = {"index": 0, "delta": {"tool_calls": [made]}, "finish_reason": "tool_calls"}
    return f"data: {json.dumps({'choices': [choice]})}\n\ndata: [DONE]\n\n".encode()


@tool
async def hang() -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    return ""


@tool
def block() -> str:
    """Block a thread longer than any turn here."""
    time.sleep(LIMIT_S * 10)
    return ""


class Model:
    """Scripts of a model's server that never end, and whether they were left."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def says_nothing(self, connection: Connection) -> None:
        await connection.closed_by_client()
        self.left.set()

    async def keeps_alive(self, connection: Connection) -> None:
        await connection.start(200, {"content-type": "text/event-stream"})
        await self._repeat(connection, b": keep-alive\n\n")

    async def goes_on(self, connection: Connection) -> None:
        await connection.start(200, {"content-type": "text/event-stream"})
        await self._repeat(connection, WORD)

    async def _repeat(self, connection: Connection, data: bytes) -> None:
        gone = asyncio.ensure_future(connection.closed_by_client())
        try:
            while not gone.done():
                await connection.chunk(data)  # which fails if it is gone
                await asyncio.wait({gone}, timeout=0.01)
        finally:
            self.left.set()


@pytest.mark.parametrize("script", ["says_nothing", "keeps_alive", "goes_on"])
@pytest.mark.parametrize("protocol", ["data", "ui", "ndjson", "text"])
async def test_a_stream_ends_with_the_part_that_says_so_and_the_model_is_left(
    script: str, protocol: str
) -> None:
    model = Model()
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    with logged() as log:
        async with (
            serve(getattr(model, script)) as upstream,
            chatting(
                upstream.url,
                max_turn_s=LIMIT_S,
                status_wait_s=0.05,
                keep_alive_s=0.02,
                on_finish=lambda chat_id, message, usage: told.put_nowait(message),
            ) as chat,
        ):
            response = await chat.post(data_body("Hello"), f"/api/chat?protocol={protocol}")
            await model.left.wait()
            line = await log.request()
            message = await told.get()

    assert response.status_code == 200
    assert (SENTENCE in response.text) is (protocol != "text")  # which has no place for it
    assert line["error_code"] == "deadline_exceeded"
    assert line["client_left"] is False
    assert line["finish_reason"] == "error"
    texts = [part["text"] for part in message["parts"] if part["type"] == "text"]
    assert ("word " in "".join(texts)) is (script == "goes_on")


@pytest.mark.parametrize("script", ["says_nothing", "keeps_alive", "goes_on"])
@pytest.mark.parametrize("path", ["/api/chat", "/api/object/recipe?stream=false"])
async def test_an_answer_in_one_piece_is_a_504(script: str, path: str) -> None:
    model = Model()
    async with (
        serve(getattr(model, script)) as upstream,
        chatting(upstream.url, max_turn_s=LIMIT_S) as chat,
    ):
        response = await chat.post(data_body("Hello", stream=False), path)
        await model.left.wait()

    assert response.status_code == 504
    assert response.json()["error"] == SENTENCE


@pytest.mark.parametrize("name", ["hang", "block"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_that_hangs_in_a_chat_ends_with_it(name: str, stream: bool) -> None:
    with logged() as log:
        async with (
            serve(respond(calls(name))) as upstream,
            chatting(upstream.url, hang, block, max_turn_s=LIMIT_S) as chat,
        ):
            response = await chat.post(ui_body("Hello", stream=stream))
            line = await log.request()

    assert SENTENCE in response.text
    assert line["error_code"] == "deadline_exceeded"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("name", ["hang", "block"])
@pytest.mark.parametrize("query", ["", "?stream=false"])
async def test_a_single_run_of_a_tool_ends_as_one_that_took_too_long(name: str, query: str) -> None:
    async with chatting(None, hang, block, max_turn_s=LIMIT_S) as chat:
        response = await chat.post({"args": {}}, f"/api/tools/{name}/invoke{query}")

    last = json.loads(response.text.splitlines()[-1])
    code = last["error_code"] if query else last["payload"]["tool_result"]["error_code"]
    assert code == "TIMEOUT"


@pytest.mark.parametrize(("lambda_s", "own_s"), [(0.2, 60.0), (60.0, 0.2)])
async def test_the_earlier_of_lambdas_deadline_and_ours_ends_the_turn(
    lambda_s: float, own_s: float
) -> None:
    model = Model()
    context = json.dumps({"deadline": (time.time() + lambda_s) * 1000})
    async with (
        serve(model.goes_on) as upstream,
        chatting(upstream.url, max_turn_s=own_s, deadline_margin_s=0) as chat,
    ):
        response = await chat.post(data_body("Hello"), headers={"x-amzn-lambda-context": context})

    assert SENTENCE in response.text


async def test_a_turn_within_its_time_is_not_touched(model: str, control: Control) -> None:
    async with chatting(model, max_turn_s=60) as chat:
        response = await chat.post(data_body("scenario: say text=Hi"))

    assert SENTENCE not in response.text
