"""`app.store.redis_news`: thousands wait, on few connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.store.checks.stores import batch, begun, finished
from app.store.redis import RedisStore
from app.store.redis_url import parse_url
from tests.redis_server import RedisServer, needs_redis, redis_server

pytestmark = [needs_redis, pytest.mark.timeout(60)]

_FOLLOWERS = 10_000


@pytest_asyncio.fixture
async def server() -> AsyncIterator[RedisServer]:
    async with redis_server() as server:
        yield server


@pytest_asyncio.fixture
async def here(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(parse_url(server.url), linger_s=0.2)
    yield store
    await store.aclose()


@pytest_asyncio.fixture
async def there(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(parse_url(server.url))
    yield store
    await store.aclose()


async def test_ten_thousand_wait_on_four_connections(
    server: RedisServer, here: RedisStore, there: RedisStore
) -> None:
    owns = [await begun(there) for _ in range(500)]
    before = await _connections(server)
    waits = [
        asyncio.create_task(here.wait(owns[number % 500].id, 0, 60.0))
        for number in range(_FOLLOWERS)
    ]
    await _subscribed(server, 500)
    during = await _connections(server)
    assert not any(waiting.done() for waiting in waits)

    await there.append([batch(own, 1) for own in owns], beating=[])
    async with asyncio.timeout(30):
        await asyncio.gather(*waits)

    assert during - before <= 4


async def test_who_has_waited_asks_nobody_the_next_time(
    server: RedisServer, here: RedisStore, there: RedisStore
) -> None:
    own = await begun(there)
    for seq in range(1, 4):
        waiting = asyncio.create_task(here.wait(own.id, seq - 1, 60.0))
        await _subscribed(server, 1)
        if seq > 1:
            assert await _commands(server, "subscribe") == 1
        await there.append([batch(own, seq)], beating=[])
        await waiting

        # What is there is known from the channel.
        await here.wait(own.id, seq - 1, 60.0)


async def test_turns_that_nobody_follows_are_not_talked_about(
    server: RedisServer, there: RedisStore
) -> None:
    own = await begun(there)
    await there.append([batch(own, 1)], beating=[])
    await finished(there, own)

    assert await _commands(server, "publish") == 0


async def test_waits_that_are_given_up_leave_nothing(
    server: RedisServer, here: RedisStore, there: RedisStore
) -> None:
    before = len(asyncio.all_tasks())
    owns = [await begun(there) for _ in range(50)]
    waits = [asyncio.create_task(here.wait(own.id, 0, 60.0)) for own in owns * 4]
    await _subscribed(server, 50)
    for waiting in waits:
        waiting.cancel()
    await asyncio.wait(waits)

    await _forgotten(here)
    await _subscribed(server, 0)
    await here.aclose()
    assert len(asyncio.all_tasks()) <= before
    here = RedisStore(parse_url(server.url))
    # … and the next one waits as the first.
    again = asyncio.create_task(here.wait(owns[0].id, 0, 60.0))
    await _subscribed(server, 1)
    await there.append([batch(owns[0], 1)], beating=[])
    await again
    await here.aclose()


async def test_who_is_given_up_before_he_has_waited_leaves_nothing(
    here: RedisStore, there: RedisStore
) -> None:
    own = await begun(there)
    for _ in range(20):
        waiting = asyncio.create_task(here.wait(own.id, 0, 60.0))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))

    await _forgotten(here)


async def test_a_turn_that_is_over_is_listened_to_no_more(
    server: RedisServer, here: RedisStore, there: RedisStore
) -> None:
    own = await begun(there)
    waiting = asyncio.create_task(here.wait(own.id, 0, 60.0))
    await _subscribed(server, 1)

    await finished(there, own)
    await waiting

    await _subscribed(server, 0)
    assert len(here._news) == 0


async def test_who_waits_is_woken_when_the_connection_breaks(
    server: RedisServer, here: RedisStore, there: RedisStore
) -> None:
    own = await begun(there)
    waiting = asyncio.create_task(here.wait(own.id, 0, 60.0))
    await _subscribed(server, 1)

    await server.ask("client", "kill", "type", "pubsub")
    async with asyncio.timeout(10):
        await waiting

    # What is said from now on is heard on another.
    waiting = asyncio.create_task(here.wait(own.id, 0, 60.0))
    await _subscribed(server, 1)
    await there.append([batch(own, 1)], beating=[])
    async with asyncio.timeout(10):
        await waiting


async def test_where_channels_are_forbidden_who_waits_looks_for_himself() -> None:
    async with redis_server() as server:
        await server.ask("acl", "setuser", "quiet", "on", "nopass", "~*", "+@all", "-subscribe")
        url = parse_url(f"redis://quiet:x@127.0.0.1:{server.port}")
        here, there = RedisStore(url), RedisStore(parse_url(server.url))
        own = await begun(there)
        started = asyncio.get_running_loop().time()
        for _ in range(3):
            await here.wait(own.id, 0, 60.0)
        took_s = asyncio.get_running_loop().time() - started
        await there.append([batch(own, 1)], beating=[])
        await here.wait(own.id, 0, 60.0)
        await here.aclose()
        await there.aclose()

    assert took_s > 0.5  # he does not ask all the time


async def test_a_closed_store_lets_nobody_wait(here: RedisStore, there: RedisStore) -> None:
    own = await begun(there)
    waiting = asyncio.create_task(here.wait(own.id, 0, 60.0))
    await asyncio.sleep(0)

    await here.aclose()

    await asyncio.wait((waiting,), timeout=5)
    assert waiting.done()


async def _connections(server: RedisServer) -> int:
    return len((await server.ask("client", "list", "type", "normal")).splitlines()) + len(
        (await server.ask("client", "list", "type", "pubsub")).splitlines()
    )


async def _subscribed(server: RedisServer, count: int) -> None:
    """Return once ``count`` channels are listened to."""
    async with asyncio.timeout(30):
        while True:
            if len((await server.ask("pubsub", "channels")).split()) == count:
                return
            await asyncio.sleep(0.02)


async def _forgotten(store: RedisStore) -> None:
    """Return once the store listens to nothing."""
    async with asyncio.timeout(30):
        while True:
            if len(store._news) == 0:
                return
            await asyncio.sleep(0.02)


async def _commands(server: RedisServer, name: str) -> int:
    stats = await server.ask("info", "commandstats")
    return int(stats.partition(f"cmdstat_{name}:calls=")[2].partition(",")[0] or 0)
