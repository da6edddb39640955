"""What Redis lists of turns and chats outside their own slots: where a turn is, an owner's chats.

A chat and its turns change in one step in one slot; the lists are in others. They are written
*before* what they list, so that nothing is ever missing in them, and readers believe the chat and
not the list. Whoever dies in between leaves a turn that never began, or a chat that is listed as
changed later than it was: readers put that right a minute later, when the change cannot be made
any more (`app.store.redis_scripts`).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence

from app.store import redis_list_scripts as scripts
from app.store.redis_fields import SUMMARY, summary_of
from app.store.redis_keys import (
    Place,
    kept_text,
    place_of,
    shard_key,
    shard_keys,
    text_bytes,
    written_place,
)
from app.store.redis_link import RedisLink, call
from app.store.redis_wire import Command
from app.store.store import ChatSummary, Owner, TurnId

_MOST_KNOWN = 20_000
_LISTED_AT_ONCE = 200


class RedisListing:
    """The lists of a Redis. Where turns are is remembered for those that this process knows."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._known: OrderedDict[TurnId, Place] = OrderedDict()

    async def register(self, place: Place, owner: Owner, turn: TurnId) -> tuple[bytes, bool]:
        """List a turn and a change of its chat that are to come.

        Returns:
            The time of the change, and whether the turn was not listed before.

        Raises:
            ValueError: a turn of this id is in another chat.
        """
        written = place.written()
        changed, held, _ = await self._link.write(
            call(scripts.ANNOUNCE, [place.chats], place.chat_id),
            call(scripts.REGISTER, [shard_key(turn)], text_bytes(turn), written),
            call(scripts.REMEMBER, [shard_key(owner)], text_bytes(owner)),
        )
        if held is not None and held != written:
            await self.withdraw(place, changed)
            raise ValueError("the id of a turn is used again")
        return changed, held is None

    async def announce(self, place: Place) -> bytes:
        """List a change of a chat that is to come; return its time."""
        (changed,) = await self._link.write(call(scripts.ANNOUNCE, [place.chats], place.chat_id))
        found: bytes = changed
        return found

    async def withdraw(self, place: Place, listed: bytes) -> None:
        """List a chat where it was, since the change that was announced is not made."""
        (changed,) = await self._link.write(("HGET", place.chat + b":chat", b"updated"))
        await self._link.write(
            call(scripts.WITHDRAW, [place.chats], place.chat_id, listed, changed or b"", 1)
        )

    async def unregister(self, *turns: TurnId, is_certain: bool = True) -> None:
        """List turns no more; without certainty, those only that should have begun long ago."""
        for turn in turns:
            self.forget(turn)
        await self._link.write(
            *(
                call(
                    scripts.UNREGISTER,
                    [shard_key(turn)],
                    text_bytes(turn),
                    b"1" if is_certain else b"",
                )
                for turn in turns
            )
        )

    def register_end(self, turn: TurnId, ended_at: float) -> None:
        """List a turn as one that has ended. Who sweeps finds it out too, and nobody else asks."""
        self._link.write_sometime(end_of(turn, ended_at))

    def remember(self, turn: TurnId, place: Place) -> None:
        """Know where ``turn`` is without asking."""
        self._known[turn] = place
        self._known.move_to_end(turn)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def forget(self, turn: TurnId) -> None:
        self._known.pop(turn, None)

    async def places(self, turns: Collection[TurnId]) -> Mapping[TurnId, Place]:
        """Return where turns are, of those that are listed."""
        unknown = [turn for turn in turns if turn not in self._known]
        found = await self._link.read(
            *(("HGET", shard_key(turn) + b":turns", text_bytes(turn)) for turn in unknown)
        )
        for turn, written in zip(unknown, found, strict=True):
            if written is not None:
                self.remember(turn, written_place(written))
        return {turn: self._known[turn] for turn in turns if turn in self._known}

    async def chats(self, owner: Owner, before: int, limit: int) -> Sequence[ChatSummary]:
        """Return the chats that changed last before ``before``.

        What the list says of a chat is when it changed, or later. So a chat has its place in the
        page once all that are listed later have been looked at.
        """
        key = place_of(owner, "").chats
        found: list[ChatSummary] = []
        start, listed = 0, float("inf")
        while True:
            sure = sorted(
                (chat for chat in found if chat.updated >= listed), key=lambda chat: -chat.updated
            )
            if len(sure) >= limit:
                return sure[:limit]
            entries = await self._entries(key, before, start)
            if not entries:
                return sorted(found, key=lambda chat: -chat.updated)[:limit]
            start += len(entries)
            listed = entries[-1][1]
            found += [
                chat for chat in await self._checked(owner, key, entries) if chat.updated < before
            ]

    async def owners(self) -> Sequence[Owner]:
        """Return who has chats, in order."""
        shards = shard_keys()
        listed = await self._link.read(*(("ZRANGE", shard + b":owners", 0, -1) for shard in shards))
        owners = [kept_text(owner) for found in listed for owner in found]
        has_chats = await asyncio.gather(*(self.chats(owner, 2**53, 1) for owner in owners))
        return sorted(owner for owner, chats in zip(owners, has_chats, strict=True) if chats)

    async def _entries(self, key: bytes, before: int, start: int) -> Sequence[tuple[bytes, int]]:
        (flat,) = await self._link.read(
            (
                "ZREVRANGEBYSCORE",
                *(key, b"(%d" % before, b"-inf", b"WITHSCORES"),
                *(b"LIMIT", start, _LISTED_AT_ONCE),
            )
        )
        return [(chat, int(float(score))) for chat, score in _pairs(flat)]

    async def _checked(
        self, owner: Owner, key: bytes, entries: Sequence[tuple[bytes, int]]
    ) -> Sequence[ChatSummary]:
        """Return the chats that are listed, and put wrong entries right."""
        places = [place_of(owner, kept_text(chat)) for chat, _ in entries]
        hashes = await self._link.read(
            *(("HMGET", place.chat + b":chat", *SUMMARY) for place in places)
        )
        found: list[ChatSummary] = []
        wrong = []
        for (chat, listed), values in zip(entries, hashes, strict=True):
            if values[0] is None:
                wrong.append(call(scripts.WITHDRAW, [key], chat, listed, b"", b""))
                continue
            summary = summary_of(values)
            found.append(summary)
            if summary.updated != listed:
                wrong.append(call(scripts.WITHDRAW, [key], chat, listed, summary.updated, b""))
        await self._link.write(*wrong)
        return found


def end_of(turn: TurnId, ended_at: float) -> Command:
    """Return what lists a turn as one that has ended."""
    return call(scripts.REGISTER_END, [shard_key(turn)], text_bytes(turn), repr(ended_at))


def _pairs(flat: Sequence[object]) -> list[tuple[bytes, bytes]]:
    """Return what redis-py may have paired already."""
    if flat and isinstance(flat[0], bytes):
        return list(zip(flat[::2], flat[1::2], strict=True))  # type: ignore[arg-type]
    return [(found[0], found[1]) for found in flat]  # type: ignore[index]
