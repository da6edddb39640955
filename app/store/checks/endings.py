"""`end`: once, by the writer or by somebody who has seen its beat stand still."""

from app.store.checks.stores import (
    Stores,
    answer,
    batch,
    begun,
    finished,
    log,
    messages_of,
    new,
    user,
)
from app.store.store import State, TurnHead

_AT = 1_767_225_600.25


async def an_end_adds_the_last_batch_and_the_message(stores: Stores) -> None:
    question = user()
    own = await begun(stores.here, messages=[question])
    await stores.here.append([batch(own, 1)], beating=[own.id])
    reply = answer(own.message_id)

    assert await stores.here.end(
        own.id, "finished", last=batch(own, 2), message=reply, ended_at=_AT
    )

    head = await _head(stores, own)
    assert (head.state, head.ended_at) == ("finished", _AT)
    assert await log(stores.there, own.id) == [batch(own, 1), batch(own, 2)]
    chat = await stores.there.chat(own.owner, own.chat_id)
    assert chat is not None
    assert chat.messages == [question, reply]
    assert chat.turn == head


async def every_state_is_kept(stores: Stores) -> None:
    states: tuple[State, ...] = ("finished", "stopped", "failed", "lost")
    for state in states:
        own = await begun(stores.here)
        assert await stores.here.end(own.id, state, last=None, message=None, ended_at=_AT)
        assert (await _head(stores, own)).state == state


async def only_the_first_end_counts(stores: Stores) -> None:
    own = await begun(stores.here)
    assert await stores.here.end(
        own.id, "stopped", last=batch(own, 1), message=answer("m", "first"), ended_at=_AT
    )
    head, chat = await _head(stores, own), await stores.here.chat(own.owner, own.chat_id)

    for state, last in (
        ("lost", batch(own, 1)),
        ("stopped", batch(own, 1, b"other")),
        ("stopped", batch(own, 2)),
        ("stopped", None),
    ):
        assert not await stores.there.end(
            own.id,
            "lost" if state == "lost" else "stopped",
            last=last,
            message=answer("m", "second"),
            ended_at=_AT + 1,
        )

    assert await _head(stores, own) == head
    assert await stores.there.chat(own.owner, own.chat_id) == chat
    assert await log(stores.there, own.id) == [batch(own, 1)]


async def an_end_may_be_repeated(stores: Stores) -> None:
    for last in (None, 1):
        own = await begun(stores.here)
        ending = None if last is None else batch(own, 1)
        for store in (stores.here, stores.here, stores.there):
            assert await store.end(own.id, "failed", last=ending, message=answer("m"), ended_at=_AT)
        assert await messages_of(stores.there, own) == [answer("m")]
        assert len(await log(stores.there, own.id)) == (last or 0)


async def an_end_leaves_no_gap(stores: Stores) -> None:
    own = await begun(stores.here)
    await stores.here.append([batch(own, 1), batch(own, 2)], beating=[])

    for seq in (1, 2, 4):
        assert not await stores.here.end(
            own.id, "finished", last=batch(own, seq, b"x"), message=answer("m"), ended_at=_AT
        )

    assert (await _head(stores, own)).state == "running"
    assert await messages_of(stores.there, own) == []
    assert len(await log(stores.there, own.id)) == 2


async def an_unknown_turn_does_not_end(stores: Stores) -> None:
    assert not await stores.here.end(
        new("turn"), "finished", last=None, message=user(), ended_at=_AT
    )


async def who_saw_another_beat_does_not_end_the_turn(stores: Stores) -> None:
    own = await begun(stores.here)
    seen = (await _head(stores, own)).beat
    await stores.here.append([], beating=[own.id])

    assert not await stores.there.end(
        own.id, "lost", last=batch(own, 1), message=answer("m"), ended_at=_AT, beat=seen
    )
    assert (await _head(stores, own)).state == "running"
    assert await messages_of(stores.here, own) == []

    beat = (await _head(stores, own)).beat
    assert await stores.there.end(
        own.id, "lost", last=batch(own, 1), message=answer("m"), ended_at=_AT, beat=beat
    )
    assert await messages_of(stores.here, own) == [answer("m")]


async def a_writer_that_was_given_up_writes_nothing(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    beat = (await _head(stores, own)).beat
    await stores.there.end(
        own.id, "lost", last=batch(own, 1), message=answer("m"), ended_at=_AT, beat=beat
    )
    chat = await stores.there.chat(own.owner, own.chat_id)

    assert await stores.here.append([batch(own, 2)], beating=[own.id]) == {own.id: None}
    assert not await stores.here.end(
        own.id, "finished", last=batch(own, 2), message=answer("m", "all"), ended_at=_AT
    )

    assert await stores.there.chat(own.owner, own.chat_id) == chat
    assert await log(stores.there, own.id) == [batch(own, 1)]


async def a_message_replaces_the_one_that_it_continues(stores: Stores) -> None:
    question, earlier = user(), answer("m", "half")
    own = await begun(stores.here, messages=[question, earlier])

    await finished(stores.here, own, answer("m", "whole"))

    assert await messages_of(stores.there, own) == [question, answer("m", "whole")]


async def a_message_replaces_no_other(stores: Stores) -> None:
    earlier, question = answer("m", "early"), user()
    own = await begun(stores.here, messages=[earlier, question])

    await finished(stores.here, own, answer("m", "late"))

    assert await messages_of(stores.there, own) == [earlier, question, answer("m", "late")]


async def messages_without_an_id_replace_nothing(stores: Stores) -> None:
    nameless = {"role": "user", "parts": []}
    own = await begun(stores.here, messages=[nameless])

    await finished(stores.here, own, nameless)

    assert await messages_of(stores.there, own) == [nameless, nameless]


async def a_message_is_a_change_of_the_chat(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    before = await stores.there.chat(own.owner, own.chat_id)
    await finished(stores.here, own, answer(own.message_id))
    after = await stores.there.chat(own.owner, own.chat_id)

    assert before is not None
    assert after is not None
    assert after.revision != before.revision
    assert after.summary.updated > before.summary.updated


async def the_next_turn_is_the_chats(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    await finished(stores.here, own, answer(own.message_id))
    following = await begun(stores.here, owner=own.owner, chat=own.chat_id)

    chat = await stores.there.chat(own.owner, own.chat_id)

    assert chat is not None
    assert chat.turn == following
    assert (await _head(stores, own)).state == "finished"


async def _head(stores: Stores, own: TurnHead) -> TurnHead:
    head = await stores.there.turn(own.owner, own.id)
    assert head is not None
    return head
