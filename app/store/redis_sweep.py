"""What is deleted after a while in Redis."""

from collections.abc import Mapping, Sequence

from app.store import redis_chat_scripts, redis_chats, redis_list_scripts
from app.store.redis_keys import Place, kept_text, place_of, shard_key, shard_keys, text_bytes
from app.store.redis_link import RedisLink, call
from app.store.redis_listing import RedisListing, end_of
from app.store.store import Owner, TurnId

# How many turns, owners or chats are asked for at once.
_AT_ONCE = 500


async def beats(link: RedisLink, listing: RedisListing) -> Mapping[TurnId, int]:
    """Return the beats of all turns that run, and put right what is listed as running."""
    found: dict[TurnId, int] = {}
    for shard in shard_keys():
        (listed,) = await link.read(("ZRANGE", shard + b":running", 0, -1))
        for start in range(0, len(listed), _AT_ONCE):
            turns = [kept_text(turn) for turn in listed[start : start + _AT_ONCE]]
            places = await listing.places(turns)
            asked = [(turn, places[turn].turn(turn)[0]) for turn in turns if turn in places]
            heads = await link.read(
                *(("HMGET", key, b"state", b"beat", b"ended") for _, key in asked)
            )
            for (turn, _), (state, beat, ended) in zip(asked, heads, strict=True):
                if state == b"running":
                    found[turn] = int(beat)
                elif state is None:
                    await listing.unregister(turn, is_certain=False)
                else:
                    await link.write(end_of(turn, float(ended)))
    return found


async def forget_turns(link: RedisLink, listing: RedisListing, ended_by: float) -> None:
    """Delete the logs of turns that have ended by then."""
    for shard in shard_keys():
        while True:
            (ended,) = await link.read(
                (
                    "ZRANGEBYSCORE",
                    shard + b":ended",
                    b"-inf",
                    repr(ended_by),
                    b"LIMIT",
                    0,
                    _AT_ONCE,
                )
            )
            turns = [kept_text(turn) for turn in ended]
            places = await listing.places(turns)
            await link.write(
                *(
                    call(redis_chat_scripts.FORGET, [place.chat], text_bytes(turn))
                    for turn, place in places.items()
                )
            )
            await listing.unregister(*turns)
            if len(turns) < _AT_ONCE:
                break


async def forget_chats(link: RedisLink, listing: RedisListing, changed_by: int) -> None:
    """Delete chats without a running turn that have not changed since then (microseconds)."""
    for shard in shard_keys():
        (owners,) = await link.read(("ZRANGEBYSCORE", shard + b":owners", b"-inf", changed_by))
        for data in owners:
            await _forget_chats_of(link, listing, kept_text(data), changed_by)


async def _forget_chats_of(
    link: RedisLink, listing: RedisListing, owner: Owner, changed_by: int
) -> None:
    key = place_of(owner, "").chats
    start = 0
    while True:
        (chats,) = await link.read(
            ("ZRANGEBYSCORE", key, b"-inf", changed_by, b"LIMIT", start, _AT_ONCE)
        )
        for data in chats:
            await redis_chats.delete(link, listing, place_of(owner, kept_text(data)), changed_by)
        # Those that stay are looked at once.
        (left,) = await link.read(("ZCOUNT", key, b"-inf", changed_by))
        if len(chats) < _AT_ONCE or left <= start:
            break
        start = left
    await _settle(link, owner, key)


async def _settle(link: RedisLink, owner: Owner, key: bytes) -> None:
    """Say of an owner since when a chat of his has not changed; forget one who has none.

    Who begins a chat lists the chat first and then its owner. Here it is the other way round, so
    that one of both sees what the other did.
    """
    oldest = await _oldest(link, key)
    listed, data = shard_key(owner) + b":owners", text_bytes(owner)
    if oldest:
        await link.write(("ZADD", listed, b"XX", oldest[0], data))
        return
    await link.write(("ZREM", listed, data))
    again = await _oldest(link, key)
    if again:
        await link.write(("ZADD", listed, b"NX", again[0], data))


async def _oldest(link: RedisLink, key: bytes) -> Sequence[bytes]:
    (found,) = await link.read(call(redis_list_scripts.OLDEST, [key]))
    return [] if found is None else [found]


__all__ = ["Place", "beats", "forget_chats", "forget_turns"]
