"""`append`, `fetch`, `wait` and `ask_to_stop`: what a writer adds, its readers see."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from app.store.checks.stores import Stores, batch, begun, finished, log, new
from app.store.store import TurnHead

T = TypeVar("T")


async def a_log_is_read_in_order_from_any_place(stores: Stores) -> None:
    own = await begun(stores.here)
    batches = [batch(own, seq) for seq in range(1, 13)]
    for start in range(0, 12, 3):
        assert await stores.here.append(batches[start : start + 3], beating=[own.id]) == {}

    for after in range(14):
        assert await log(stores.there, own.id, after) == batches[after:]


async def turns_are_appended_to_together(stores: Stores) -> None:
    owns = [await begun(stores.here) for _ in range(20)]

    await stores.here.append(
        [batch(own, seq) for seq in (1, 2) for own in owns], beating=[own.id for own in owns]
    )

    for own in owns:
        assert await log(stores.there, own.id) == [batch(own, 1), batch(own, 2)]


async def a_batch_is_written_once(stores: Stores) -> None:
    own = await begun(stores.here)
    batches = [batch(own, seq) for seq in (1, 2, 3, 4)]
    await stores.here.append(batches[:2], beating=[])

    assert await stores.here.append(batches[:2], beating=[]) == {}
    assert await stores.here.append([batch(own, 2, b"other")], beating=[]) == {}
    assert await stores.there.append(batches[1:], beating=[]) == {}

    assert await log(stores.there, own.id) == batches


async def a_gap_is_not_written(stores: Stores) -> None:
    own, other = await begun(stores.here), await begun(stores.here)
    await stores.here.append([batch(own, 1)], beating=[])

    for numbers in ([3], [2, 4], [3, 2]):
        result = await stores.here.append(
            [*(batch(own, seq) for seq in numbers), batch(other, 1)], beating=[]
        )
        assert result == {own.id: None}

    assert await log(stores.there, own.id) == [batch(own, 1)]
    assert await log(stores.there, other.id) == [batch(other, 1)]


async def a_beat_changes_for_those_who_beat(stores: Stores) -> None:
    own, other = await begun(stores.here), await begun(stores.here)

    seen = set()
    for _ in range(3):
        assert await stores.here.append([], beating=[own.id]) == {}
        seen.add((await _head(stores, own)).beat)
    await stores.here.append([batch(own, 1), batch(other, 1)], beating=[other.id])
    unchanged = await _head(stores, own)

    assert len(seen | {own.beat}) == 4
    assert unchanged.beat in seen
    assert (await _head(stores, other)).beat != other.beat


async def nothing_to_append_is_nothing(stores: Stores) -> None:
    assert await stores.here.append([], beating=[]) == {}


async def unknown_and_ended_turns_take_nothing(stores: Stores) -> None:
    ended, running = await begun(stores.here), await begun(stores.here)
    await finished(stores.there, ended)
    unknown = new("turn")
    end = await _head(stores, ended)

    result = await stores.here.append(
        [batch(ended, 1), batch(running, 1)], beating=[ended.id, running.id, unknown]
    )

    assert result == {ended.id: None, unknown: None}
    assert await log(stores.there, ended.id) == []
    assert await log(stores.there, running.id) == [batch(running, 1)]
    assert await _head(stores, ended) == end
    assert await stores.there.fetch(unknown) is None


async def a_writer_is_told_to_stop_and_may_still_write(stores: Stores) -> None:
    own, other = await begun(stores.here), await begun(stores.here)
    await stores.there.ask_to_stop(own.id, "superseded")
    await stores.there.ask_to_stop(own.id, "stop")

    beat = await stores.here.append([], beating=[own.id, other.id])
    write = await stores.here.append([batch(own, 1), batch(other, 1)], beating=[])

    assert beat == write == {own.id: "superseded"}
    assert await log(stores.there, own.id) == [batch(own, 1)]
    assert (await _head(stores, own)).stop == "superseded"
    assert (await _head(stores, own)).state == "running"


async def nobody_is_asked_to_stop_who_does_not_run(stores: Stores) -> None:
    own = await begun(stores.here)
    await finished(stores.here, own)
    before = await _head(stores, own)

    await stores.there.ask_to_stop(own.id, "stop")
    await stores.there.ask_to_stop(new("turn"), "stop")

    assert await _head(stores, own) == before


async def who_waits_is_woken_by_a_batch(stores: Stores) -> None:
    own = await begun(stores.here)
    await stores.here.append([batch(own, 1)], beating=[])
    for reader, writer in ((stores.here, stores.here), (stores.here, stores.there)):
        held = len(await log(reader, own.id))
        waiting = asyncio.create_task(reader.wait(own.id, held, 60.0))
        await _is_waiting(waiting)

        await writer.append([batch(own, held + 1)], beating=[])

        await _soon(stores, waiting)


async def who_waits_is_woken_by_the_end(stores: Stores) -> None:
    for ender in (stores.here, stores.there):
        own = await begun(stores.here)
        waits = [asyncio.create_task(stores.here.wait(own.id, 0, 60.0)) for _ in range(5)]
        await _is_waiting(*waits)

        await finished(ender, own)

        await _soon(stores, asyncio.gather(*waits))


async def who_waits_is_woken_by_the_deletion(stores: Stores) -> None:
    own = await begun(stores.here)
    waiting = asyncio.create_task(stores.here.wait(own.id, 0, 60.0))
    await _is_waiting(waiting)

    await stores.there.delete(own.owner, own.chat_id)

    await _soon(stores, waiting)


async def nobody_waits_for_what_is_there(stores: Stores) -> None:
    own, ended = await begun(stores.here), await begun(stores.here)
    await stores.here.append([batch(own, 1)], beating=[])
    await finished(stores.here, ended)

    await _soon(stores, stores.there.wait(own.id, 0, 60.0))
    await _soon(stores, stores.there.wait(ended.id, 0, 60.0))
    await _soon(stores, stores.there.wait(new("turn"), 0, 60.0))


async def nobody_waits_for_ever(stores: Stores) -> None:
    own = await begun(stores.here)

    await _soon(stores, stores.there.wait(own.id, 0, 0.01))
    await _soon(stores, stores.there.wait(own.id, 99, 0.01))


async def a_wait_that_is_given_up_harms_nobody(stores: Stores) -> None:
    own = await begun(stores.here)
    left = asyncio.create_task(stores.here.wait(own.id, 0, 60.0))
    stays = asyncio.create_task(stores.here.wait(own.id, 0, 60.0))
    await _is_waiting(left, stays)
    left.cancel()
    await asyncio.wait((left,))

    await stores.here.append([batch(own, 1)], beating=[])

    await _soon(stores, stays)


async def _head(stores: Stores, own: TurnHead) -> TurnHead:
    head = await stores.there.turn(own.owner, own.id)
    assert head is not None
    return head


async def _is_waiting(*waits: asyncio.Task[None]) -> None:
    """Let the tasks begin. To return too early is allowed, but not at once and always."""
    await asyncio.sleep(0.02)
    assert not any(waiting.done() for waiting in waits), "nobody waits where nothing happens"


async def _soon(stores: Stores, awaited: Awaitable[T]) -> T:
    async with asyncio.timeout(stores.patience_s):
        return await awaited
