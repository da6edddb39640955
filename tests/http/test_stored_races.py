"""Two servers on one store in one process: what happens to one turn at the same moment."""

import asyncio
import socket
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from app.events import Error
from app.main import create_lean_app
from app.scripted_model.control import Control
from app.settings import Settings
from app.store.event_log import encode
from app.store.memory import MemoryStore
from app.store.store import Batch, TurnHead
from tests.chatting import Chat, Reader, chatting
from tests.http.test_stored import STALL, _asked, _chat, _said
from tests.http.test_unread import served as served_to_slow

pytestmark = pytest.mark.timeout(60)

_END = b"data: [DONE]\n\n"


async def _two(stack: AsyncExitStack, model: str, store: MemoryStore) -> tuple[Chat, Chat]:
    first = await stack.enter_async_context(chatting(model, store=store))
    second = await stack.enter_async_context(chatting(model, store=store))
    return first, second


# How often the loop goes round between the end, a stop and the moment in which another process
# takes the writer for dead. The stop needs some twenty rounds, the end some more.
@pytest.mark.parametrize("order", [("end",), ("end", "stop"), ("stop", "end")], ids="-".join)
@pytest.mark.parametrize("rounds", [0, 5, 10, 15, 20, 40, 200])
async def test_of_an_end_a_stop_and_a_loss_at_once_one_counts(
    model: str, control: Control, order: Sequence[str], rounds: int
) -> None:
    store = MemoryStore()
    async with AsyncExitStack() as stack:
        here, there = await _two(stack, model, store)
        posted = await stack.enter_async_context(here.stream(_asked(STALL)))
        followed = [
            await stack.enter_async_context(chat.http.stream("GET", "/api/chat/c1/stream"))
            for chat in (here, there)
        ]
        readers = [Reader(response) for response in (posted, *followed)]
        await asyncio.gather(*(reader.until(b"word2") for reader in readers))
        head = await _head(store)

        async def end() -> None:
            control.gate("go").open()

        async def stop() -> None:
            await here.http.post("/api/chat/c1/stop")

        async def lose() -> None:
            for _ in range(rounds):
                await asyncio.sleep(0)
            await _lose(store, head)

        acts = {"end": end, "stop": stop}
        await asyncio.gather(*(acts[name]() for name in order), lose())
        wires = await asyncio.gather(*(reader.rest() for reader in readers))
        whole = await there.http.get("/api/chat/c1/stream")
        after = await _chat(there)

    for wire in (*wires, whole.content):
        assert wire.endswith(_END)
        assert wire.count(b'"type":"finish"') + wire.count(b'"type":"abort"') == 1
    # Who reads the log gets what is in it. The client that asked may have been sent more, if
    # somebody else has closed it.
    from_log = (*wires[1:], whole.content)
    assert len({wire.split(b"\n\n")[-3] for wire in from_log}) == 1
    assert len(set(map(_said, from_log))) == 1
    assert _said(wires[0]).startswith(_said(whole.content))
    assert [message["role"] for message in after["messages"]] == ["user", "assistant"]
    kept = "".join(part.get("text", "") for part in after["messages"][1]["parts"])
    assert kept == _said(whole.content)
    assert after["turn"] is None
    if rounds == 0:
        assert b"was interrupted" in whole.content


async def _head(store: MemoryStore) -> TurnHead:
    chat = await store.chat("", "c1")
    assert chat is not None
    assert chat.turn is not None
    return chat.turn


async def _lose(store: MemoryStore, head: TurnHead) -> None:
    """End a turn as a process does that takes its writer for dead."""
    tail = await store.fetch(head.id)
    assert tail is not None
    (data,) = encode([Error("turn_lost", "The answer was interrupted.")])
    await store.end(
        head.id,
        "lost",
        last=Batch(head.id, len(tail.batches) + 1, data),
        message={"id": head.message_id, "role": "assistant", "parts": _PARTS},
        ended_at=time.time(),
        beat=head.beat,
    )


_PARTS = [{"type": "step-start"}, {"type": "text", "text": "word0 word1 word2", "state": "done"}]


async def test_a_follower_that_does_not_read_is_cut_and_the_turn_goes_on(
    model: str, control: Control
) -> None:
    app = create_lean_app(Settings(openai_base_url=model, store="memory"))
    is_over = asyncio.Event()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            if scope.get("query_string") == b"startIndex=0":
                is_over.set()

    async with (
        served_to_slow(watched) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=15) as http,
    ):
        asked = _asked("scenario: stall after=4000 gate=go")
        path = "/api/chat/c1/stream?startIndex=0"
        async with http.stream("POST", "/api/chat", json=asked) as posted:
            poster = Reader(posted)
            await poster.until(b"word3999")
            with socket.socket() as idle:
                idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                idle.connect(("127.0.0.1", port))
                idle.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
                await is_over.wait()
                assert len(app.state.turns) == 1
            control.gate("go").open()
            wire = await poster.rest()
        whole = await http.get(path)

    assert wire.endswith(_END)
    assert b'"finish","finishReason":"stop"' in wire
    assert whole.content == wire
