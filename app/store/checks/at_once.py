"""Several who do the same, or the opposite, at the same moment."""

import asyncio

from app.store.checks.stores import Stores, answer, batch, begun, finished, head, log, new, user
from app.store.store import Batch, Begun, Busy


async def ten_begin_at_once_and_one_wins(stores: Stores) -> None:
    owner, chat = new("owner"), new("chat")
    heads = [head(owner, chat) for _ in range(10)]

    results = await asyncio.gather(
        *(
            (stores.here, stores.there)[number % 2].begin(
                own, revision=0, keep=0, messages=[user(own.id)]
            )
            for number, own in enumerate(heads)
        )
    )

    (winner,) = [own for own, result in zip(heads, results, strict=True) if result == Begun()]
    assert [result for result in results if result != Begun()] == [Busy(winner)] * 9
    found = await stores.there.chat(owner, chat)
    assert found is not None
    assert [message["parts"][0]["text"] for message in found.messages] == [winner.id]


async def ten_end_at_once_and_one_wins(stores: Stores) -> None:
    own = await begun(stores.here, messages=[user()])

    results = await asyncio.gather(
        *(
            (stores.here, stores.there)[number % 2].end(
                own.id,
                "lost",
                last=Batch(own.id, 1, b"%d" % number),
                message=answer("m", str(number)),
                ended_at=1.0,
            )
            for number in range(10)
        )
    )

    (winner,) = [number for number, ended in enumerate(results) if ended]
    assert await log(stores.there, own.id) == [Batch(own.id, 1, b"%d" % winner)]
    found = await stores.there.chat(own.owner, own.chat_id)
    assert found is not None
    assert found.messages[1:] == [answer("m", str(winner))]


async def end_stop_delete_and_append_meet(stores: Stores) -> None:
    for number in range(8):
        own = await begun(stores.here, messages=[user()])
        here, there = stores.here, stores.there
        calls = [
            here.end(own.id, "finished", last=None, message=answer("m"), ended_at=1.0),
            there.ask_to_stop(own.id, "stop"),
            there.delete(own.owner, own.chat_id),
            here.append([batch(own, 1)], beating=[own.id]),
            there.end(own.id, "lost", last=None, message=answer("m"), ended_at=1.0, beat=0),
        ]
        await asyncio.gather(*calls[number % 5 :], *calls[: number % 5])

        assert await stores.there.chat(own.owner, own.chat_id) is None
        tail = await stores.here.fetch(own.id)
        assert tail is None or (tail.head.state != "running" and not tail.batches)


async def writers_do_not_disturb_each_other(stores: Stores) -> None:
    owns = [await begun(stores.here) for _ in range(10)]

    async def write(number: int) -> None:
        store = (stores.here, stores.there)[number % 2]
        for seq in range(1, 11):
            assert await store.append([batch(owns[number], seq)], beating=[]) == {}

    await asyncio.gather(*(write(number) for number in range(10)))

    for own in owns:
        assert await log(stores.there, own.id) == [batch(own, seq) for seq in range(1, 11)]


async def a_follower_misses_nothing(stores: Stores) -> None:
    own = await begun(stores.here)

    async def follow() -> list[Batch]:
        found: list[Batch] = []
        while True:
            await stores.there.wait(own.id, len(found), stores.patience_s)
            tail = await stores.there.fetch(own.id, len(found))
            assert tail is not None
            found += tail.batches
            if not tail.batches and tail.head.state != "running":
                return found

    followers = [asyncio.create_task(follow()) for _ in range(3)]
    for seq in range(1, 21):
        await stores.here.append([batch(own, seq)], beating=[own.id])
    await stores.here.end(
        own.id, "finished", last=batch(own, 21), message=answer("m"), ended_at=1.0
    )
    async with asyncio.timeout(4 * stores.patience_s):
        logs = await asyncio.gather(*followers)

    assert logs == [[batch(own, seq) for seq in range(1, 22)]] * 3


async def a_mistake_of_one_is_not_that_of_others(stores: Stores) -> None:
    """Calls that wait together may share a transaction; their errors they do not."""
    taken = await begun(stores.here)
    owns = [head(new("owner"), new("chat"), id) for id in (new("t"), taken.id, new("t"))]

    results = await asyncio.gather(
        *(stores.here.begin(own, revision=0, keep=0, messages=[user()]) for own in owns),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [Begun, ValueError, Begun]
    for own in (owns[0], owns[2]):
        assert await stores.there.turn(own.owner, own.id) == own
        await finished(stores.there, own)
    assert await stores.there.chat(owns[1].owner, owns[1].chat_id) is None
