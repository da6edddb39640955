"""Chats, and keys that are used once, in Redis."""

import random
from math import ceil

from app.store import redis_chat_scripts as scripts
from app.store.redis_fields import chat_of, head_of
from app.store.redis_keys import (
    Place,
    channel,
    kept_text,
    once_key,
    place_of,
    text_bytes,
)
from app.store.redis_link import RedisLink, call
from app.store.redis_listing import RedisListing
from app.store.store import Chat, ChatId, Owner, TurnHead, TurnId


async def chat(link: RedisLink, owner: Owner, chat: ChatId) -> Chat | None:
    (found,) = await link.read(call(scripts.READ_CHAT, [place_of(owner, chat).chat], 1))
    if found is None:
        return None
    return chat_of(found)


async def head(link: RedisLink, owner: Owner, chat: ChatId) -> TurnHead | None:
    (found,) = await link.read(call(scripts.READ_CHAT, [place_of(owner, chat).chat], b""))
    return head_of(found[2]) if found is not None and found[2] else None


async def rename(link: RedisLink, owner: Owner, chat: ChatId, title: str) -> None:
    await link.write(call(scripts.RENAME, [place_of(owner, chat).chat], text_bytes(title)))


async def delete(
    link: RedisLink, listing: RedisListing, place: Place, changed_by: int | None = None
) -> TurnHead | None:
    """Delete a chat; with ``changed_by``, only if it has not changed since and no turn runs in it.

    The lists are put right afterwards, and otherwise by who reads or sweeps them.
    """
    by = b"" if changed_by is None else changed_by
    (found,) = await link.write(call(scripts.DELETE, [place.chat], channel(""), by))
    if found is None:
        return None
    changed, gone, flat = found
    await listing.withdraw(place, changed)
    turns: list[TurnId] = [kept_text(turn) for turn in gone]
    await listing.unregister(*turns)
    if not flat:
        return None
    stopped = head_of(flat)
    assert stopped.ended_at is not None
    listing.register_end(stopped.id, stopped.ended_at)
    return stopped


async def once(link: RedisLink, key: str, ttl_s: float) -> bool:
    (found,) = await link.write(
        call(scripts.ONCE, [once_key(key)], random.randbytes(8), max(1, ceil(ttl_s * 1000)))
    )
    return bool(found)
