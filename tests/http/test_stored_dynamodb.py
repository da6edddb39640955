"""The chat routes over DynamoDB that is throttled, down, slow or cut off."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx2
import pytest

from app.aws.credentials import AwsCredentials
from app.aws.endpoint import Endpoint
from app.cli import main
from app.scripted_model.control import Control
from app.store.dynamodb import DynamodbStore
from app.store.dynamodb_calls import Calls
from tests.chatting import Chat, Reader, chatting
from tests.http.test_stored import SAY_HI, STALL, _asked, _chat, _said
from tests.store.dynamodb_tables import CREDENTIALS, REGION, make_table
from tests.store.fault_proxy import Fault, FaultProxy

pytestmark = [pytest.mark.real, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture
async def proxy(dynamodb: str) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(dynamodb).listen() as proxy:
        yield proxy


async def _store(proxy: FaultProxy, table: str) -> DynamodbStore:
    """Return a store as it is made for a server, with its own patience."""
    await make_table(proxy.url, table)
    return DynamodbStore(
        Calls(Endpoint(proxy.url, REGION), table, credentials=AwsCredentials(CREDENTIALS))
    )


async def _until_saved(chat: Chat) -> dict[str, object]:
    """Ask until the chat has no running turn; asking is the only way to know."""
    async with asyncio.timeout(20):
        while True:
            found = await chat.http.get("/api/chats/c1")
            if found.status_code == 200 and found.json()["turn"] is None:
                return dict(found.json())
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("fault", ["throttled", "500", "cut", "silent"])
async def test_the_client_that_asked_never_notices(
    fault: Fault, proxy: FaultProxy, model: str, control: Control
) -> None:
    store = await _store(proxy, f"outage-{fault}")
    async with chatting(model, store=store) as chat:
        async with chat.stream(_asked(STALL)) as posted:
            reader = Reader(posted)
            await reader.until(b"word2")
            proxy.always(fault)
            control.gate("go").open()
            wire = await reader.rest()
        started = time.monotonic()
        down = await asyncio.gather(
            chat.http.get("/api/chat/c1/stream"),
            chat.http.get("/api/chats/c1"),
            chat.http.get("/api/chats"),
            chat.http.get("/health"),
        )
        took_s = time.monotonic() - started
        proxy.always("none")
        found = await _until_saved(chat)
        whole = await chat.http.get("/api/chat/c1/stream")

    assert wire.endswith(b"data: [DONE]\n\n")
    assert b'"type":"finish","finishReason":"stop"' in wire
    assert [response.status_code for response in down] == [503, 503, 503, 200]
    assert down[0].json()["error"] == (
        "Saved chats cannot be reached at the moment; please try again shortly."
    )
    assert took_s < 6
    messages = found["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert _said(whole.content) == _said(wire)


async def test_every_third_call_may_fail(proxy: FaultProxy, model: str) -> None:
    store = await _store(proxy, "every-third")
    faults: tuple[Fault, ...] = ("throttled", "none", "none", "lost", "none", "none")
    proxy.fault = lambda operation, number: faults[number % len(faults)]

    async with chatting(model, store=store) as chat:
        for number in range(5):
            posted = await chat.post(_asked(SAY_HI, message=f"u{number}"))
            assert _said(posted.content) == "Hi there."
        found = await _until_saved(chat)

    messages = found["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["user", "assistant"] * 5


async def test_a_slow_table_delays_no_word(proxy: FaultProxy, model: str, control: Control) -> None:
    store = await _store(proxy, "slow")
    async with chatting(model, store=store) as chat:
        async with chat.stream(_asked(STALL)) as posted:
            reader = Reader(posted)
            await reader.until(b"word2")
            proxy.slow_s = 0.2
            started = time.monotonic()
            control.gate("go").open()
            await reader.rest()
            took_s = time.monotonic() - started
            resumed = await chat.http.get("/api/chat/c1/stream")
        found = await _chat(chat)

    # Many calls of 200 ms have to be made until the log is written.
    assert took_s < 1
    assert resumed.status_code == 200
    assert len(found["messages"]) == 2


async def test_a_turn_begins_while_the_table_is_down(proxy: FaultProxy, model: str) -> None:
    store = await _store(proxy, "late")
    proxy.always("500")
    async with chatting(model, store=store) as chat:
        async with httpx2.AsyncClient(base_url=chat.http.base_url, timeout=30) as patient:
            posted = await patient.post("/api/chat", json=_asked(SAY_HI))
        proxy.always("none")
        found = await _until_saved(chat)

    assert _said(posted.content) == "Hi there."
    messages = found["messages"]
    assert isinstance(messages, list)
    assert len(messages) == 2


async def test_the_command_line_reads_the_same_table(
    proxy: FaultProxy,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = await _store(proxy, "listed")
    async with chatting(model, store=store) as chat:
        await chat.post(_asked(SAY_HI))
        await _until_saved(chat)
    for name, value in {**CREDENTIALS, "AWS_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.url)
    status = await asyncio.to_thread(main, ["chats", "list", "--store", "dynamodb:listed"])

    assert status == 0
    assert "c1" in capsys.readouterr().out
