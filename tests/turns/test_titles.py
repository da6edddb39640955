"""`app.turns.titles`: what becomes of a title that the application makes."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from app.store.store import TurnHead, UIMessage
from app.turns.titles import Titles
from tests.chatting import logged
from tests.turns.stores import Shaky

SAID = [{"id": "u1", "role": "user", "parts": []}]


async def _store() -> Shaky:
    store = Shaky()
    head = TurnHead(id="t1", owner="me", chat_id="c1", message_id="m")
    await store.begin(head, revision=0, keep=0, messages=SAID, title="First words")
    await store.end("t1", "finished", last=None, message=None, ended_at=1.0)
    return store


async def _title(store: Shaky) -> str:
    return str((await store.chat("me", "c1")).summary.title)


@pytest.mark.parametrize(
    ("made", "title"),
    [
        ("Weather in Bergen", "Weather in Bergen"),
        ("  Two\n lines\u202e ", "Two lines"),
        (" \n", "First words"),
        (None, "First words"),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
async def test_a_title_becomes_the_chats(made: str | None, title: str, is_async: bool) -> None:
    store = await _store()
    seen: list[Sequence[UIMessage]] = []

    def sync(messages: Sequence[UIMessage]) -> str | None:
        seen.append(messages)
        return made

    async def later(messages: Sequence[UIMessage]) -> str | None:
        await asyncio.sleep(0)
        return sync(messages)

    titles = Titles(store, later if is_async else sync)
    titles.give("me", "c1")
    titles.give("somebody else", "c1")
    await titles.finish(5.0)

    assert seen == [SAID]
    assert await _title(store) == title


async def test_a_failure_is_logged_and_the_title_stays() -> None:
    store = await _store()

    def fail(_: Any) -> str:
        raise ValueError("no")

    titles = Titles(store, fail)
    with logged() as log:
        titles.give("me", "c1")
        await titles.finish(5.0)
        store.is_down = True
        titles.give("me", "c1")
        await titles.finish(5.0)
    store.is_down = False

    assert await _title(store) == "First words"
    assert [(one.levelno, one.getMessage()) for one in log.records] == [
        (logging.ERROR, "a chat got no title"),
        (logging.WARNING, "a chat got no title: out of order"),
    ]


async def test_the_end_of_the_server_does_not_wait_for_ever() -> None:
    store = await _store()

    async def hang(_: Any) -> str:
        await asyncio.Event().wait()
        return "never"

    titles = Titles(store, hang)
    titles.give("me", "c1")
    await titles.finish(0.01)

    assert await titles.aclose() == 1
    assert await titles.aclose() == 0


async def test_without_a_function_nothing_is_done() -> None:
    store = await _store()
    titles = Titles(store, None)

    titles.give("me", "c1")
    assert await titles.aclose() == 0

    assert await _title(store) == "First words"
