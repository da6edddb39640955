"""`once` and `count`, which all processes share."""

import asyncio

from app.store.checks.stores import Stores, new


async def only_one_is_the_first(stores: Stores) -> None:
    key = new("key")

    asked = (store.once(key, 60.0) for store in (stores.here, stores.there) * 10)

    assert sum(await asyncio.gather(*asked)) == 1
    assert not await stores.there.once(key, 60.0)
    assert await stores.there.once(new("key"), 60.0)


async def a_first_use_is_forgotten_after_its_time(stores: Stores) -> None:
    key = new("key")
    assert await stores.here.once(key, 0.4)
    await stores.let_pass(0.2)
    # Who is refused does not make it longer.
    assert not await stores.there.once(key, 0.4)
    await stores.let_pass(0.25)

    assert await stores.there.once(key, 60.0)
    assert not await stores.here.once(key, 60.0)


async def a_limit_is_exact_whoever_counts(stores: Stores) -> None:
    key = new("key")

    uses = (store.count(key, 7, 60.0) for store in (stores.here, stores.there) * 10)
    results = await asyncio.gather(*uses)

    assert results.count(None) == 7
    assert all(seconds is None or 50.0 < seconds <= 60.0 for seconds in results)


async def keys_are_counted_for_themselves(stores: Stores) -> None:
    one, other = new("key"), new("key")

    assert await stores.here.count(one, 1, 60.0) is None
    assert await stores.here.count(one, 1, 60.0) is not None
    assert await stores.here.count(other, 1, 60.0) is None
    assert await stores.here.once(one, 60.0)


async def a_clock_that_goes_back_locks_nobody_out(stores: Stores) -> None:
    key = new("key")
    await stores.here.count(key, 1, 60.0)
    if stores.clock is not None:
        stores.clock.move(-3600)

    wait_s = await stores.there.count(key, 1, 60.0)

    assert wait_s is None or wait_s <= 60.0


async def a_window_ends_after_its_time(stores: Stores) -> None:
    key = new("key")
    assert await stores.here.count(key, 2, 0.5) is None
    await stores.let_pass(0.1)
    assert await stores.there.count(key, 2, 0.5) is None
    wait_s = await stores.here.count(key, 2, 0.5)
    assert wait_s is not None
    assert 0 < wait_s <= 0.5
    await stores.let_pass(wait_s + 0.01)

    assert await stores.there.count(key, 2, 60.0) is None
    assert await stores.here.count(key, 2, 60.0) is None
    assert await stores.here.count(key, 2, 60.0) is not None
