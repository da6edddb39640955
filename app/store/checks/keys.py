"""`once`, which all processes share."""

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
