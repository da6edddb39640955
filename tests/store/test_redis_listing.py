"""`app.store.redis_listing`: what was begun and never done does not stay in the lists.

Who dies between two steps is played by doing the first only, and the time that has to pass by
writing an earlier one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from app.store.checks.stores import answer, begun, finished, head, new, user
from app.store.redis import RedisStore
from app.store.redis_keys import Place, place_of, shard_key
from app.store.redis_sweep import _settle
from app.store.redis_url import parse_url
from app.store.redis_wire import Command
from app.store.store import Begun, Owner
from tests.redis_server import needs_redis, redis_server

pytestmark = [needs_redis, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

_LONG_AGO_S = 3600


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["whole", "in steps"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RedisStore]:
    async with redis_server() as server:
        store = RedisStore(parse_url(server.url))
        store._link._is_spread = request.param == "in steps"
        yield store
        await store.aclose()


async def test_a_change_that_is_announced_leaves_the_list_as_it_is(store: RedisStore) -> None:
    owner = new("owner")
    owns = [await begun(store, owner=owner) for _ in range(5)]
    for own in owns[1:3]:
        await store._listing.announce(place_of(owner, own.chat_id))

    for limit in (1, 2, 3, 9):
        listed = await store.chats(owner, before=None, limit=limit)
        assert [chat.id for chat in listed] == [own.chat_id for own in reversed(owns)][:limit]


async def test_a_change_that_was_never_made_is_forgotten(store: RedisStore) -> None:
    owner = new("owner")
    own = await begun(store, owner=owner)
    there, nowhere = place_of(owner, own.chat_id), place_of(owner, "never begun")
    await store._listing.announce(nowhere)
    now = round(time.time() * 1e6)
    for place, seconds in ((there, _LONG_AGO_S), (nowhere, _LONG_AGO_S)):
        await _list(store, place, now - seconds * 1_000_000)
    await store._link.write(("HSET", there.chat + b":chat", "updated", now - 7_200_000_000))

    await store.chats(owner, before=None, limit=9)

    listed = await _listed(store, owner)
    assert listed == {there.chat_id: now - 7_200_000_000}


async def test_a_change_that_may_still_be_made_is_not_forgotten(store: RedisStore) -> None:
    owner = new("owner")
    place = place_of(owner, "soon")
    announced = await store._listing.announce(place)

    assert await store.chats(owner, before=None, limit=9) == []

    assert await _listed(store, owner) == {b"soon": int(announced)}


async def test_a_change_that_comes_too_late_is_announced_anew(store: RedisStore) -> None:
    """Else it would be made after the readers have forgotten it. In one step it never is."""
    is_spread, store._link._is_spread = store._link._is_spread, True
    own = await begun(store, messages=[user()])
    place = place_of(own.owner, own.chat_id)
    announce, tries = store._listing.announce, 0

    async def late_once(place: Place) -> bytes:
        nonlocal tries
        tries += 1
        changed = await announce(place)
        return changed if tries > 1 else b"%d" % (int(changed) - 31_000_000)

    store._listing.announce = late_once  # type: ignore[method-assign]
    try:
        await finished(store, own, answer("m"))
    finally:
        store._listing.announce = announce  # type: ignore[method-assign]
        store._link._is_spread = is_spread

    chat = await store.chat(own.owner, own.chat_id)
    assert chat is not None
    assert tries == 2
    assert await _listed(store, own.owner) == {place.chat_id: chat.summary.updated}


async def test_who_is_refused_leaves_the_lists_as_they_were(store: RedisStore) -> None:
    own = await begun(store)
    before = await _listed(store, own.owner)
    other = head(own.owner, own.chat_id)

    for revision in (0, 5):
        await store.begin(other, revision=revision, keep=0, messages=[])
    await finished(store, own)
    await store.begin(other, revision=5, keep=0, messages=[])
    await store.end(own.id, "lost", last=None, message=answer("m"), ended_at=1.0)

    assert await _listed(store, own.owner) == before
    assert await store._listing.places([other.id]) == {}


async def test_who_asks_twice_leaves_the_lists_as_they_were(store: RedisStore) -> None:
    """A connection that breaks lets the same be asked again."""
    own = await begun(store, messages=[user()])
    asked: list[Command] = []
    write = store._link._writing._run_commands

    async def twice(commands: Sequence[Command]) -> Sequence[Any]:
        asked.extend(commands)
        await write(commands)
        return await write(commands)

    store._link._writing._run_commands = twice
    try:
        other = await begun(store, owner=own.owner)
        await finished(store, own, answer("m"))
        third = head(new("owner"), new("chat"))
        found = await store.begin_new(third, messages=[user()])
    finally:
        store._link._writing._run_commands = write

    assert asked
    if not store._link._is_spread:
        assert found == Begun()
        chat = await store.chat(third.owner, third.chat_id)
        assert chat is not None
        assert (len(chat.messages), chat.turn) == (1, third)
    chats = await store.chats(own.owner, before=None, limit=9)
    assert [chat.id for chat in chats] == [own.chat_id, other.chat_id]
    if not store._link._is_spread:
        listed = await _listed(store, own.owner)
        assert listed == {chat.id.encode(): chat.updated for chat in chats}


async def test_a_turn_that_never_began_is_forgotten_by_the_sweep(store: RedisStore) -> None:
    dead, young = head(new("owner"), new("chat")), head(new("owner"), new("chat"))
    for own in (dead, young):
        place = place_of(own.owner, own.chat_id)
        await store._listing.register(place, own.owner, own.id)
    long_ago = round((time.time() - _LONG_AGO_S) * 1e6)
    await store._link.write(("ZADD", shard_key(dead.id) + b":running", long_ago, dead.id))

    await store.sweep(time.time(), keep_s=600.0, history_s=None)

    assert set(await store._listing.places([dead.id, young.id])) == {young.id}


async def test_an_end_that_is_not_listed_is_found_by_the_sweep(store: RedisStore) -> None:
    own = await begun(store)
    await store.end(own.id, "finished", last=None, message=None, ended_at=1000.0)
    shard = shard_key(own.id)
    await store._link.write(("ZREM", shard + b":ended", own.id))
    await store._link.write(("ZADD", shard + b":running", 1, own.id))

    for _ in range(2):  # to list it, and to forget it
        await store.sweep(2000.0, keep_s=600.0, history_s=None)

    assert await store.fetch(own.id) is None


async def test_an_owner_who_has_no_chats_any_more_is_swept(store: RedisStore) -> None:
    own = await begun(store)
    await finished(store, own)
    assert (await _owners(store, own.owner)) == [own.owner.encode()]

    await store.sweep(time.time() + 10, keep_s=0.0, history_s=1.0)

    assert await _owners(store, own.owner) == []
    again = await begun(store, owner=own.owner)
    assert await _owners(store, own.owner) == [own.owner.encode()]
    assert again.owner in await store.owners()


async def test_an_owner_who_begins_while_he_is_forgotten_is_known(store: RedisStore) -> None:
    for number in range(30):
        owner = new("owner")
        key = place_of(owner, "").chats

        async def begin(owner: Owner, turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            own = head(owner, new("chat"))
            assert await store.begin(own, revision=0, keep=0, messages=[]) == Begun()

        await asyncio.gather(
            begin(owner, number), *(_settle(store._link, owner, key) for _ in range(3))
        )

        assert await _owners(store, owner) == [owner.encode()]


async def _listed(store: RedisStore, owner: Owner) -> dict[bytes, int]:
    (flat,) = await store._link.read(("ZRANGE", place_of(owner, "").chats, 0, -1))
    scores = await store._link.read(*(("ZSCORE", place_of(owner, "").chats, chat) for chat in flat))
    return {chat: int(score) for chat, score in zip(flat, scores, strict=True)}


async def _list(store: RedisStore, place: Place, score: int) -> None:
    await store._link.write(("ZADD", place.chats, score, place.chat_id))


async def _owners(store: RedisStore, owner: Owner) -> list[bytes]:
    (found,) = await store._link.read(("ZRANGE", shard_key(owner) + b":owners", 0, -1))
    return [data for data in found if data == owner.encode()]
