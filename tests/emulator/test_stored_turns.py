"""Turns in DynamoDB that go from one Lambda environment to the other: ours, and the adapter's."""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import httpx2
import pytest

from app.scripted_model.control import Control
from tests.aws.adapting import adapted
from tests.chatting import Reader
from tests.emulator.emulation import OURS, PATIENCE_S, Running, emulator
from tests.http.test_stored import SAY_HI, STALL, _asked, _said
from tests.store.dynamodb_local import own_environment
from tests.store.dynamodb_tables import dynamodb_store, make_table
from tests.store.fault_proxy import FaultProxy

pytestmark = [pytest.mark.real, pytest.mark.timeout(180, func_only=True)]

_SERVER = ("sh", "-c", f'exec {sys.executable} -m app serve --port "$PORT"')


@asynccontextmanager
async def _function(
    kind: str,
    dynamodb: str,
    model: str,
    table: str,
    *,
    limits: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[tuple[Running, httpx2.AsyncClient]]:
    """Run the chat backend as a function, with a table."""
    await make_table(dynamodb, table)
    variables = {
        **own_environment(dynamodb),
        "CHAT_STORE": f"dynamodb:{table}",
        "OPENAI_BASE_URL": model,
        **(limits or {}),
    }
    async with AsyncExitStack() as stack:
        if kind == "adapter":
            running = await stack.enter_async_context(
                adapted(_SERVER, variables=variables, **options)
            )
        else:
            variables["_HANDLER"] = "app.main.create_lean_app"
            running = await stack.enter_async_context(
                emulator(OURS, variables=variables, **options)
            )
        http = httpx2.AsyncClient(base_url=running.url, timeout=PATIENCE_S)
        yield running, await stack.enter_async_context(http)


async def _chat(http: httpx2.AsyncClient) -> dict[str, Any]:
    response = await http.get("/api/chats/c1")
    assert response.status_code == 200, response.text
    return dict(response.json())


def _text(chat: dict[str, Any]) -> str:
    parts = chat["messages"][-1]["parts"]
    return "".join(part["text"] for part in parts if part["type"] == "text")


@pytest.mark.parametrize("kind", ["runtime", "adapter"])
async def test_a_turn_is_asked_for_resumed_and_stopped_in_three_environments(
    kind: str, dynamodb: str, model: str, control: Control
) -> None:
    async with _function(kind, dynamodb, model, f"three-{kind}") as (running, http):
        async with http.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
            await Reader(posted).until(b"word1")
        # The client has left. Nobody tells the function, which goes on.
        async with http.stream("GET", "/api/chat/c1/stream") as resumed:
            reader = Reader(resumed)
            await reader.until(b"word2")
            during = await _chat(http)
            stopped = await http.post("/api/chat/c1/stop")
            wire = await reader.rest()
        await control.client_left()
        chat = await _chat(http)
        environments = running.log.count("INIT_REPORT") + running.log.count("Init Duration")

    assert stopped.status_code == 204
    assert during["turn"] is not None
    assert during["turn"]["id"] == posted.headers["x-chat-turn-id"]
    assert wire.endswith(b'{"type":"abort"}\n\ndata: [DONE]\n\n')
    assert _said(wire) == _text(chat) == "word0 word1 word2"
    assert chat["turn"] is None
    assert environments >= 3


@pytest.mark.parametrize("kind", ["runtime", "adapter"])
@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
async def test_a_response_ends_when_the_table_has_it(
    kind: str, is_stream: bool, dynamodb: str, model: str
) -> None:
    """Lambda freezes an environment whose response has ended."""
    table = f"end-{kind}-{is_stream}"
    async with FaultProxy(dynamodb).listen() as proxy:
        proxy.slow_s = 0.2
        async with (
            _function(kind, proxy.url, model, table) as (_, http),
            aclosing(dynamodb_store(dynamodb, table)) as store,
        ):
            posted = await http.post("/api/chat", json=_asked(SAY_HI, stream=is_stream))
            chat = await store.chat("", "c1")

    assert (_said(posted.content) if is_stream else posted.json()["text"]) == "Hi there."
    assert chat is not None
    assert chat.turn is not None
    assert chat.turn.state == "finished"
    assert len(chat.messages) == 2


@pytest.mark.parametrize("kind", ["runtime", "adapter"])
async def test_a_turn_that_the_deadline_cuts_is_saved(
    kind: str, dynamodb: str, model: str, control: Control
) -> None:
    table = f"deadline-{kind}"
    async with _function(kind, dynamodb, model, table, timeout_s=6) as (_, http):
        async with http.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
            await Reader(posted).until(b"word2")
        async with http.stream("GET", "/api/chat/c1/stream") as resumed:
            wire = await Reader(resumed).rest()
        chat = await _chat(http)

    assert b'"errorText":"The answer was cut off by the time limit."' in wire
    assert _said(wire) == _text(chat) == "word0 word1 word2"
    assert chat["turn"] is None
    assert control.requests


async def test_a_missing_table_is_said_at_the_first_use(dynamodb: str, model: str) -> None:
    variables = {
        **own_environment(dynamodb),
        "CHAT_STORE": "dynamodb:nowhere",
        "OPENAI_BASE_URL": model,
        "_HANDLER": "app.main.create_lean_app",
    }
    async with (
        emulator(OURS, variables=variables) as running,
        httpx2.AsyncClient(base_url=running.url, timeout=PATIENCE_S) as http,
    ):
        health = await http.get("/health")
        before = running.log
        posted = await http.post("/api/chat", json=_asked(SAY_HI))
        resumed = await http.get("/api/chat/c1/stream")
        await running.logged("there is no table nowhere")

    assert health.status_code == 200
    assert "nowhere" not in before
    assert _said(posted.content) == "Hi there."
    assert resumed.status_code == 503
    assert json.loads(resumed.content)["error"].startswith("Saved chats cannot be reached")
