"""`app.store.dynamodb_limits`: what limits cost, and what they are worth on bad days."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from app.errors import StoreUnavailable
from app.store.checks.stores import Clock, new
from app.store.dynamodb import DynamodbStore
from app.store.dynamodb_marks import hashed_key
from app.store.limits import Lease, Window
from tests.store.dynamodb_tables import dynamodb_store, make_table
from tests.store.fault_proxy import FaultProxy

TURNS = Window(name="turns", length_s=60.0, limit=5)


def _lease(token: str = "t") -> Lease:
    return Lease(holder=token, token=token, ttl_s=20.0)


@pytest.fixture
async def proxy(dynamodb: str) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(dynamodb).listen() as proxy:
        yield proxy


@pytest.fixture
async def stores(
    dynamodb: str, proxy: FaultProxy, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[DynamodbStore, DynamodbStore]]:
    table = request.node.originalname[-200:]
    await make_table(dynamodb, table)
    async with AsyncExitStack() as stack:
        here, there = (dynamodb_store(proxy.url, table) for _ in range(2))
        stack.push_async_callback(here.aclose)
        stack.push_async_callback(there.aclose)
        yield here, there


async def test_a_turn_costs_two_writes_and_no_read(
    stores: tuple[DynamodbStore, DynamodbStore], proxy: FaultProxy
) -> None:
    here, payer = stores[0], new("payer")
    await here.take(payer, [TURNS], lease=_lease(), most_leases=3)
    assert proxy.operations == ["GetItem", "PutItem"]  # whose first turn it is, is asked once
    proxy.operations.clear()

    for token in "ab":
        await here.take(payer, [TURNS], lease=_lease(token), most_leases=3)
        await here.give_back(payer, _lease(token), [TURNS])

    assert proxy.operations == ["PutItem"] * 4


async def test_a_burst_is_counted_with_few_calls(
    stores: tuple[DynamodbStore, DynamodbStore], proxy: FaultProxy
) -> None:
    payer = new("payer")

    asked = (store.take(payer, [TURNS]) for store in stores for _ in range(100))
    taken = await asyncio.gather(*asked)

    assert sum(one.is_admitted for one in taken) == 5
    assert len(proxy.operations) < 12


async def test_who_is_refused_over_and_over_costs_a_read_a_second(
    stores: tuple[DynamodbStore, DynamodbStore], proxy: FaultProxy
) -> None:
    here, payer = stores[0], new("payer")
    for _ in range(5):
        await here.take(payer, [TURNS])
    proxy.operations.clear()

    assert not any([(await here.take(payer, [TURNS])).is_admitted for _ in range(50)])

    assert set(proxy.operations) <= {"GetItem"}
    assert len(proxy.operations) < 10


async def test_a_place_that_another_process_gave_back_is_free(
    stores: tuple[DynamodbStore, DynamodbStore],
) -> None:
    (here, there), payer = stores, new("payer")
    await there.take(payer, lease=_lease("there"))
    assert (await here.take(payer, lease=_lease("here"))).running == 2
    await there.give_back(payer, _lease("there"))

    # What is known here says otherwise.
    taken = await here.take(payer, lease=_lease("next"), most_leases=2)

    assert (taken.is_admitted, taken.running) == (True, 2)
    assert (await there.take(payer)).running == 2


async def test_an_item_that_is_gone_is_made_again(
    stores: tuple[DynamodbStore, DynamodbStore],
) -> None:
    here, payer = stores[0], new("payer")
    await here.take(payer, [TURNS])
    key = hashed_key("L", payer)
    await here._calls.call("DeleteItem", Key=key)

    assert (await here.take(payer, [TURNS])).uses[0].used == 1


async def test_what_arrives_twice_counts_once_if_nobody_was_in_between(
    stores: tuple[DynamodbStore, DynamodbStore], proxy: FaultProxy
) -> None:
    here, payer = stores[0], new("payer")
    await here.take(payer, [TURNS])
    proxy.first(1, "lost", "PutItem")

    taken = await here.take(payer, [TURNS], lease=_lease(), most_leases=1)

    assert (taken.is_admitted, taken.running, taken.uses[0].used) == (True, 1, 2)


async def test_each_of_those_who_ask_together_is_told_that_it_failed(
    stores: tuple[DynamodbStore, DynamodbStore], proxy: FaultProxy
) -> None:
    here, payer = stores[0], new("payer")
    await here.take(payer, [TURNS])
    proxy.always("denied")

    results = await asyncio.gather(
        *(here.take(payer, [TURNS]) for _ in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert len({id(result) for result in results}) == 3

    proxy.always("none")
    assert (await here.take(payer, [TURNS])).uses[0].used == 2


async def test_who_is_gone_takes_nothing(
    stores: tuple[DynamodbStore, DynamodbStore], proxy: FaultProxy
) -> None:
    here, payer = stores[0], new("payer")
    proxy.slow_s = 0.2
    first = asyncio.ensure_future(here.take(payer, [TURNS]))
    await proxy.called(1)
    gone = asyncio.ensure_future(here.take(payer, [TURNS]))
    stays = asyncio.ensure_future(here.take(payer, [TURNS]))
    await asyncio.sleep(0)
    gone.cancel()

    assert ((await first).uses[0].used, (await stays).uses[0].used) == (1, 2)


async def test_a_store_that_is_closed_leaves_nobody_waiting(dynamodb: str) -> None:
    async with FaultProxy(dynamodb).listen() as proxy:
        proxy.always("silent")
        store = dynamodb_store(proxy.url, "closed", now=Clock())
        asked = [asyncio.ensure_future(store.take("payer", [TURNS])) for _ in range(2)]
        await proxy.called(1)
        asked.append(asyncio.ensure_future(store.take("payer", [TURNS])))
        await asyncio.sleep(0)

        await store.aclose()

        results = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 3
