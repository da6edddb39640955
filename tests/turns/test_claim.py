"""`app.turns.claim`: what the store is told of a new turn."""

import pytest

from app.chats.plan import Run
from app.errors import StoreUnavailable
from app.events import Event, Start, StepStart, TextDelta
from app.messages import ChatRequest
from app.store.event_log import decode
from app.store.store import Begun, Changed
from app.turns.claim import claim, first_batch, head_of
from tests.turns.stores import Shaky

EARLIER: list[Event] = [Start("m"), StepStart(), TextDelta("a")]
RUN = Run(
    asked=ChatRequest(shape="ai-sdk-5", messages=(), chat_id="c1"),
    message_id="m",
    replies_to="u1",
    keep=0,
    messages=[{"id": "u1", "role": "user", "parts": []}],
    title="Title",
    earlier=EARLIER,
)
HEAD = head_of("t1", "me", "c1", RUN)


async def test_a_chat_is_claimed_with_what_the_user_said_and_what_is_continued() -> None:
    store = Shaky()

    begun = await claim(store, HEAD, None, RUN)
    chat = await store.chat("me", "c1")
    tail = await store.fetch("t1")

    assert begun == Begun()
    assert (chat.summary.title, chat.messages, chat.turn) == ("Title", RUN.messages, HEAD)
    assert (HEAD.message_id, HEAD.user_message_id, HEAD.live_from) == ("m", "u1", 3)
    assert tail.batches == [first_batch("t1", RUN)]
    assert list(decode(tail.batches[0].data)) == EARLIER


async def test_a_chat_that_has_changed_is_not_claimed() -> None:
    store = Shaky()
    await claim(store, HEAD, None, RUN)
    await store.end("t1", "finished", last=None, message=None, ended_at=1.0)

    assert await claim(store, head_of("t2", "me", "c1", RUN), None, RUN) == Changed()


async def test_a_store_that_cannot_be_reached_is_said() -> None:
    store = Shaky()
    store.is_down = True

    with pytest.raises(StoreUnavailable):
        await claim(store, HEAD, None, RUN)
