"""What thousands of kept turns leave in a server: nothing."""

import asyncio
import gc
import json
from collections import Counter
from typing import Any

import pytest
from starlette.types import Message

from app.main import create_lean_app
from app.settings import Settings
from app.store.memory import MemoryStore
from app.turns.kept_turn import KeptTurn
from app.turns.live_turn import LiveTurn
from app.turns.recorder import Recorder
from tests.http.test_stored import _asked, _said

pytestmark = pytest.mark.timeout(300)

TURNS = 2_000
_WARM = 200
_AT_ONCE = 50


async def _post(app: Any, body: object) -> bytes:
    """Post as a server does, without the socket's cost."""
    sent: list[bytes] = []
    waiting: list[Message] = [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def receive() -> Message:
        while not waiting:  # the client stays
            await asyncio.Event().wait()
        return waiting.pop()

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/chat",
        "raw_path": b"/api/chat",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
    await app(scope, receive, send)
    return b"".join(sent)


def _ours() -> Counter[str]:
    """Count the objects that are alive, of our classes and of those that tasks are made of."""
    gc.collect()
    kinds = (type(one) for one in gc.get_objects())
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in kinds)
    return Counter(
        name for name in names if name.startswith(("app.", "_asyncio.", "asyncio.", "starlette."))
    )


async def test_thousands_of_turns_leave_nothing_behind() -> None:
    store = MemoryStore()
    app = create_lean_app(Settings(provider="scripted", resume_keep_s=0), store=store)

    async def run(number: int) -> None:
        chat_id = f"c{number}"
        wire = await _post(app, _asked("scenario: say text='Hi.'", chat=chat_id))
        assert _said(wire) == "Hi."
        head = await store.head("", chat_id)
        assert head is not None
        await store.wait(head.id, 1_000_000, 5.0)  # for its end
        await store.delete("", chat_id)

    async with app.router.lifespan_context(app):
        before: Counter[str] = Counter()
        for first in range(0, TURNS, _AT_ONCE):
            await asyncio.gather(*(run(first + number) for number in range(_AT_ONCE)))
            if first + _AT_ONCE == _WARM:
                await store.sweep(4e10, keep_s=0, history_s=0)
                before = _ours()
        await store.sweep(4e10, keep_s=0, history_s=0)
        after = _ours()

    assert sum(before.values()) > 0
    # A few may be on their way out; what is left behind is there thousands of times.
    grown = {name: count - before[name] for name, count in after.items()}
    assert {name: more for name, more in grown.items() if more > _AT_ONCE} == {}


async def test_a_kept_turn_that_is_over_leaves_nothing_for_the_garbage_collector() -> None:
    store = MemoryStore()
    app = create_lean_app(Settings(provider="scripted"), store=store)

    async with app.router.lifespan_context(app):
        await _post(app, _asked("scenario: say text='Hi.'", chat="first"))  # what a first one loads
        gc.collect()
        gc.disable()
        try:
            await _post(app, _asked("scenario: say text='Hi.'", chat="c1"))
            head = await store.head("", "c1")
            assert head is not None
            await store.wait(head.id, 1_000_000, 5.0)  # for its end
            for _ in range(20):  # rounds of the loop in which the flusher lets go of it
                await asyncio.sleep(0)
            kinds = (KeptTurn, LiveTurn, Recorder)
            left = [known for known in gc.get_objects() if isinstance(known, kinds)]
        finally:
            gc.enable()

    assert left == []
