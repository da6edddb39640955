"""Who waits for a log in DynamoDB: one look for all, and none where nobody waits."""

import asyncio
import itertools
import time
from contextlib import aclosing

from app.errors import StoreUnavailable
from app.store.checks.stores import batch, begun
from app.store.dynamodb_waits import Waits
from app.store.store import TurnId
from tests.store.dynamodb_tables import dynamodb_store, make_table
from tests.store.fault_proxy import FaultProxy


async def test_however_many_wait_one_looks(dynamodb: str) -> None:
    await make_table(dynamodb, "waits-one")
    async with (
        FaultProxy(dynamodb).listen() as proxy,
        aclosing(dynamodb_store(dynamodb, "waits-one")) as writer,
        aclosing(dynamodb_store(proxy.url, "waits-one")) as reader,
    ):
        own = await begun(writer)
        started = time.monotonic()
        waiting = [asyncio.create_task(reader.wait(own.id, 0, 30.0)) for _ in range(200)]
        await proxy.called(3)
        await writer.append([batch(own, 1)], beating=[])
        async with asyncio.timeout(10):
            await asyncio.gather(*waiting)

        assert set(proxy.operations) == {"Query"}
        # Each pause is a quarter of a second at least.
        assert len(proxy.operations) <= 1 + 4 * (time.monotonic() - started)


async def test_looks_become_seldom_and_often_again() -> None:
    times: list[float] = []
    looked: asyncio.Queue[None] = asyncio.Queue()
    clock = asyncio.get_running_loop().time
    reached = 0

    async def look(turn: TurnId, after: int) -> int:
        times.append(clock())
        looked.put_nowait(None)
        return max(reached, after)

    waits = Waits(look, is_written_here=lambda turn: False)
    waiting = asyncio.create_task(waits.wait("t", 0, 60.0))
    for _ in range(6):
        await looked.get()
    reached = 1
    async with asyncio.timeout(5):
        await waiting
    await looked.get()
    waiting = asyncio.create_task(waits.wait("t", 1, 60.0))
    await looked.get()
    waiting.cancel()
    await waits.aclose()

    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert all(pause >= 0.24 for pause in pauses)
    assert pauses[4] > 0.9
    assert pauses[-1] < pauses[4]


async def test_what_is_written_here_wakes_at_once() -> None:
    async def look(turn: TurnId, after: int) -> int:
        return after

    waits = Waits(look, is_written_here=lambda turn: True)
    first = asyncio.create_task(waits.wait("t", 1, 60.0))
    second = asyncio.create_task(waits.wait("t", 2, 60.0))
    await asyncio.sleep(0)

    waits.wake("t", 2)
    async with asyncio.timeout(5):
        await first
    assert not second.done()
    waits.wake("t")
    async with asyncio.timeout(5):
        await second
    await waits.aclose()


async def test_who_waits_asks_himself_if_the_look_fails() -> None:
    async def look(turn: TurnId, after: int) -> int:
        raise StoreUnavailable("down")

    waits = Waits(look, is_written_here=lambda turn: False)

    async with asyncio.timeout(5):
        await waits.wait("t", 0, 60.0)
    await waits.aclose()


async def test_nobody_looks_where_nobody_waits() -> None:
    looks = 0

    async def look(turn: TurnId, after: int) -> int:
        nonlocal looks
        looks += 1
        return after

    waits = Waits(look, is_written_here=lambda turn: False)
    await waits.wait("t", 0, 0.01)
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "wait t"]
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)

    assert len(tasks) == 1
    assert looks == 0


async def test_closing_wakes_everybody() -> None:
    async def look(turn: TurnId, after: int) -> int:
        return after

    waits = Waits(look, is_written_here=lambda turn: False)
    waiting = [asyncio.create_task(waits.wait(turn, 0, 60.0)) for turn in ("a", "a", "b")]
    await asyncio.sleep(0)

    await waits.aclose()

    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)
