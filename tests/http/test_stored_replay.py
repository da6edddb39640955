"""What a client has and the rest are the whole answer, over real sockets.

For the turns that the scripted model can make, every protocol, every number of chunks that a client
may have, and every moment of joining: `POST[:k] + resume(k) == POST`.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from app.events import Start, StepStart, TextDelta
from app.store.event_log import decode, encode
from app.store.memory import MemoryStore
from app.store.store import Batch, Begun, TurnHead, UIMessage
from app.turns.errors import GIVEN_UP, LogGivenUp
from tests.chatting import Chat, chatting
from tests.conformance.tools import tools

pytestmark = pytest.mark.timeout(60)

TURNS = (
    "scenario: text tokens=4",
    "scenario: reasoning tokens=3",
    "scenario: surrogate",
    "scenario: refusal",
    "scenario: length",
    "scenario: error-inside after=2",
    "scenario: break-off after=2",
    "scenario: unknown-tool",
    "scenario: bad-arguments",
    "scenario: call tool=fail",
    "scenario: call tool=count_up count=2",
    """scenario: call tool=quote arguments='{"page": {"__proto__": 1}}'""",
    "Where am I?",
    "Send an e-mail to ada@example.com about lunch",
)
# (protocol, version of the AI SDK). Every number of chunks is tried in the first.
DIALECTS = (("ui", "7"), ("data", "4"), ("ui", "5.0"), ("data", "3.4"), ("ndjson", None))
_TIME = re.compile(rb'"timestamp":[0-9.e+]+')


def asked(text: str, chat: str) -> dict[str, Any]:
    """Return what `useChat` posts."""
    message = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": text}]}
    return {"id": chat, "messages": [message]}


def query(protocol: str, sdk: str | None) -> str:
    """Return the dialect as a query string."""
    return f"protocol={protocol}" + (f"&sdk={sdk}" if sdk else "")


def chunks(wire: bytes, protocol: str) -> tuple[Sequence[bytes], bytes]:
    """Return the chunks as readers of the protocol find them, and the end that counts as none."""
    wire = _TIME.sub(b'"timestamp":0', wire)  # of when the line was written
    mark, end = (b"\n\n", b"data: [DONE]\n\n") if protocol == "ui" else (b"\n", b"")
    assert wire.endswith(mark + end)
    return [piece + mark for piece in wire.removesuffix(end).split(mark)[:-1]], end


@pytest.mark.parametrize("text", TURNS)
async def test_what_a_client_has_and_the_rest_are_the_whole(model: str, text: str) -> None:
    async with chatting(model, *tools(_at_once), store="memory", max_steps=3) as chat:
        for number, (protocol, sdk) in enumerate(DIALECTS):
            dialect = query(protocol, sdk)
            posted = await chat.post(asked(text, f"c{number}"), f"/api/chat?{dialect}")
            whole, end = chunks(posted.content, protocol)
            path = f"/api/chat/c{number}/stream?{dialect}"
            total = len(whole)
            held = range(total + 1) if number == 0 else (0, total // 2, total)
            rests = await asyncio.gather(*(chat.http.get(f"{path}&startIndex={k}") for k in held))
            for k, rest in zip(held, rests, strict=True):
                found = _TIME.sub(b'"timestamp":0', rest.content)
                assert b"".join([*whole[:k], found]) == b"".join([*whole, end]), (protocol, k)
                assert rest.headers["x-workflow-stream-tail-index"] == str(total - 1)


async def _at_once(seconds: float) -> None:
    """Pause for no time."""


class _Slow(MemoryStore):
    """Says when a reader waits for more than there is."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[str, int] = {}
        self._changed = asyncio.Event()

    async def wait(self, turn: str, after: int, timeout_s: float) -> None:
        self.waiting[turn] = after
        self._changed.set()
        self._changed = asyncio.Event()
        await super().wait(turn, after, timeout_s)

    async def read_up_to(self, turn: str, after: int) -> None:
        """Return as soon as a reader has read so many batches and waits."""
        while self.waiting.get(turn) != after:
            await self._changed.wait()


@pytest.mark.parametrize("text", ["scenario: text tokens=3", "Where am I?"])
async def test_it_does_not_matter_when_a_client_joins(model: str, text: str) -> None:
    store = _Slow()
    async with chatting(model, store=store) as chat:
        whole, end = chunks((await chat.post(asked(text, "c"))).content, "ui")
        kept = await store.chat("", "c")
        assert kept is not None
        assert kept.turn is not None
        tail = await store.fetch(kept.turn.id)
        assert tail is not None
        log = [event for batch in tail.batches for event in decode(batch.data)]
        batches = [data for event in log for data in encode([event])]
        message = kept.messages[-1]
        for joined in range(len(batches) + 1):
            # Everybody who joins at this moment, whatever he has: it need not be in the log yet.
            turn = f"t{joined}"
            await _begin(store, turn, tail.head.message_id, batches[:joined])
            rests = asyncio.gather(
                *[_rest(chat, turn, k) for k in range(len(whole) + 1)], _rest(chat, turn, None)
            )
            reading = asyncio.ensure_future(store.read_up_to(turn, joined))
            await asyncio.wait((reading, rests), return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            await _go_on(store, turn, batches[joined:], joined, message)
            *found, merged = await rests
            assert [b"".join(whole[:k]) + rest for k, rest in enumerate(found)] == [
                b"".join([*whole, end])
            ] * len(found), joined
            assert merged.endswith(whole[-1] + end)
            assert _said(merged) == _said(b"".join(whole))


async def _rest(chat: Chat, turn: str, start: int | None) -> bytes:
    where = "" if start is None else f"?startIndex={start}"
    response = await chat.http.get(f"/api/chat/{turn}/stream{where}")
    assert response.status_code == 200
    return response.content


async def _begin(store: _Slow, turn: str, message_id: str, batches: Sequence[bytes]) -> None:
    """Begin a turn as another process does, and say the first of it."""
    head = TurnHead(id=turn, owner="", chat_id=turn, message_id=message_id)
    assert isinstance(await store.begin(head, revision=0, keep=0, messages=[]), Begun)
    first = [Batch(turn, seq, data) for seq, data in enumerate(batches, 1)]
    await store.append(first, beating=[turn])


async def _go_on(
    store: _Slow, turn: str, batches: Sequence[bytes], after: int, message: UIMessage
) -> None:
    """Write the rest and end the turn."""
    rest = [Batch(turn, seq, data) for seq, data in enumerate(batches, after + 1)]
    for batch in rest[:-1]:
        await store.append([batch], beating=[turn])
    last = rest[-1] if rest else None
    assert await store.end(turn, "finished", last=last, message=message, ended_at=2e10)


def _said(wire: bytes) -> str:
    found = [msgspec.json.decode(line[6:]) for line in wire.splitlines() if b'"text-delta"' in line]
    return "".join(chunk["delta"] for chunk in found)


async def test_a_turn_whose_log_was_given_up_is_not_resumed_in_part() -> None:
    store = MemoryStore()
    head = TurnHead(id="t1", owner="", chat_id="c1", message_id="m")
    await store.begin(head, revision=0, keep=0, messages=[{"id": "u", "role": "user", "parts": []}])
    (data,) = encode([Start("m"), StepStart(), TextDelta("a"), GIVEN_UP])
    await store.append([Batch("t1", 1, data)], beating=())

    async with chatting(None, store=store) as chat:
        running = [
            await chat.http.get(f"/api/chat/c1/stream{query}") for query in ("", "?startIndex=0")
        ]
        await store.end(
            "t1", "finished", last=None, message={"id": "m", "parts": []}, ended_at=time.time()
        )
        over = await chat.http.get("/api/chat/c1/stream")

    for response in running:
        assert response.status_code == 503
        assert response.json()["error"] == LogGivenUp.public_message
        assert response.headers["retry-after"] == "5"
    assert over.status_code == 204
