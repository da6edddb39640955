"""`sweep` and `aclose`."""

from app.store.checks.stores import Stores, answer, batch, begun, log, messages_of, user
from app.store.limits import Window
from app.store.store import ABANDONED_S, TurnHead

_DAY_S = 86_400.0
_ONE = Window(name="turns", length_s=60.0, limit=1)


async def a_log_is_kept_for_a_while(stores: Stores) -> None:
    own = await _ended(stores, at=1000.0)

    await stores.there.sweep(1599.0, keep_s=600.0, history_s=None)
    assert await log(stores.here, own.id) == [batch(own, 1)]

    await stores.there.sweep(1601.0, keep_s=600.0, history_s=None)
    assert await stores.here.fetch(own.id) is None
    assert await stores.here.turn(own.owner, own.id) is None
    chat = await stores.here.chat(own.owner, own.chat_id)
    assert chat is not None
    assert chat.turn is None
    assert len(chat.messages) == 2


async def a_running_turn_is_not_swept(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])
    await stores.here.append([batch(own, 1)], beating=[own.id])

    await stores.there.sweep(await _updated(stores, own) + 1, keep_s=0, history_s=0)

    assert await stores.here.append([batch(own, 2)], beating=[own.id]) == {}
    assert len(await messages_of(stores.there, own)) == 1


async def a_chat_is_kept_as_long_as_is_asked(stores: Stores) -> None:
    own = await _ended(stores, at=1000.0)
    changed = await _updated(stores, own)

    await stores.there.sweep(changed + _DAY_S - 1, keep_s=1e12, history_s=_DAY_S)
    assert len(await messages_of(stores.here, own)) == 2
    await stores.there.sweep(changed + 1000 * _DAY_S, keep_s=1e12, history_s=None)
    assert len(await messages_of(stores.here, own)) == 2

    await stores.there.sweep(changed + _DAY_S + 1, keep_s=1e12, history_s=_DAY_S)
    assert await stores.here.chat(own.owner, own.chat_id) is None
    assert await stores.here.fetch(own.id) is None
    assert own.owner not in await stores.here.owners()


async def what_is_left_of_a_deleted_turn_goes(stores: Stores) -> None:
    own = await begun(stores.here)
    was = await stores.here.delete(own.owner, own.chat_id)
    assert was is not None
    assert was.ended_at is not None

    await stores.there.sweep(was.ended_at + 11, keep_s=10.0, history_s=None)

    assert await stores.here.fetch(own.id) is None


async def a_turn_that_stood_still_for_long_is_given_up(stores: Stores) -> None:
    silent, beating = await begun(stores.here, messages=[user()]), await begun(stores.here)
    now = await _updated(stores, silent)
    # Who has just started has seen nothing, whatever the clock says.
    for seconds in (10 * ABANDONED_S, 10.5 * ABANDONED_S, 11.1 * ABANDONED_S):
        assert (await _head(stores, silent)).state == "running"
        await stores.here.append([], beating=[beating.id])
        await stores.there.sweep(now + seconds, keep_s=_DAY_S, history_s=None)

    assert (await _head(stores, silent)).state == "lost"
    assert (await _head(stores, beating)).state == "running"
    assert len(await messages_of(stores.here, silent)) == 1


async def what_was_counted_outlives_a_sweep(stores: Stores) -> None:
    own = await begun(stores.here)
    await stores.here.once(own.id, 60.0)
    await stores.here.take(own.id, [_ONE])

    await stores.there.sweep(await _updated(stores, own), keep_s=0.0, history_s=None)

    assert not await stores.here.once(own.id, 60.0)
    assert not (await stores.here.take(own.id, [_ONE])).is_admitted


async def closing_is_done_once_or_twice(stores: Stores) -> None:
    own = await _ended(stores, at=1.0)
    await stores.there.aclose()
    await stores.there.aclose()

    if stores.here is not stores.there:
        assert len(await messages_of(stores.here, own)) == 2
    await stores.here.aclose()


async def _ended(stores: Stores, *, at: float) -> TurnHead:
    own = await begun(stores.here, messages=[user()])
    assert await stores.here.end(
        own.id, "finished", last=batch(own, 1), message=answer("m"), ended_at=at
    )
    return own


async def _updated(stores: Stores, own: TurnHead) -> float:
    """Return when the chat was changed, in Unix seconds."""
    chat = await stores.here.chat(own.owner, own.chat_id)
    assert chat is not None
    return chat.summary.updated / 1e6


async def _head(stores: Stores, own: TurnHead) -> TurnHead:
    head = await stores.there.turn(own.owner, own.id)
    assert head is not None
    return head
