"""Turns and their logs in Redis."""

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from app.errors import StoreUnavailable
from app.store import redis_turn_scripts as scripts
from app.store import redis_whole_scripts as whole_scripts
from app.store.log_order import by_turn, fit
from app.store.redis_fields import (
    batches_of,
    chat_of,
    head_fields,
    head_of,
    is_deleted,
    message_entry,
)
from app.store.redis_keys import Place, channel, place_of, shard_key, text_bytes
from app.store.redis_link import RedisLink, call
from app.store.redis_listing import RedisListing
from app.store.redis_script import Script
from app.store.redis_wire import Command
from app.store.store import (
    Batch,
    Begun,
    Busy,
    Changed,
    Chat,
    Owner,
    State,
    StopReason,
    Tail,
    TurnHead,
    TurnId,
    UIMessage,
)

# As much of a log as one `fetch` returns, in bytes.
_FETCHED_BYTES = 1024 * 1024
# The largest number that Redis takes as an entry's.
_LARGEST = 2**63 - 1
_TRIES = 5
_TOO_LATE = "Redis takes half a minute for a change, or the clocks of its servers differ by that"


async def begin(
    link: RedisLink,
    listing: RedisListing,
    head: TurnHead,
    *,
    revision: int,
    keep: int,
    messages: Sequence[UIMessage],
    title: str,
    first: Batch | None,
) -> Begun | Busy | Changed:
    place = place_of(head.owner, head.chat_id)
    told = _told_of_beginning(head, revision, keep, messages, title, first)
    whole = _beginning(whole_scripts.BEGIN_WHOLE, place, head, told)
    for _ in range(_TRIES):
        found = await link.write_whole(whole)
        if found is None:
            found = await _begin_in_steps(link, listing, place, head, told)
        match found[0]:
            case b"begun":
                listing.remember(head.id, place)
                return Begun()
            case b"late":
                continue
            case b"busy":
                return Busy(head_of(found[1]))
            case b"changed":
                return Changed()
            case _:
                raise ValueError("the id of a turn is used again")
    raise StoreUnavailable(_TOO_LATE)


async def begin_new(
    link: RedisLink,
    listing: RedisListing,
    head: TurnHead,
    *,
    messages: Sequence[UIMessage],
    title: str,
) -> Begun | Chat | None:
    """Begin a turn in a chat that there is not yet, else return the chat; None: neither is known.

    One question for two; where the lists are in other slots than the chat it is not asked.
    """
    place = place_of(head.owner, head.chat_id)
    told = _told_of_beginning(head, 0, 0, messages, title, None)
    found = await link.write_whole(_beginning(whole_scripts.BEGIN_NEW, place, head, told))
    if found is None:
        return None
    match found[0]:
        case b"begun":
            listing.remember(head.id, place)
            return Begun()
        case b"chat":
            return chat_of(found[1])
        case _:
            return None


def _told_of_beginning(
    head: TurnHead,
    revision: int,
    keep: int,
    messages: Sequence[UIMessage],
    title: str,
    first: Batch | None,
) -> Sequence[bytes]:
    entries = [message_entry(message) for message in messages]
    return [
        *(text_bytes(head.id), random.randbytes(8), b""),
        *(b"%d" % revision, b"%d" % max(0, min(keep, _LARGEST)), text_bytes(title)),
        *(b"" if first is None else first.data, b"%d" % len(entries), *entries),
        *head_fields(head),
    ]


def _beginning(script: Script, place: Place, head: TurnHead, told: Sequence[bytes]) -> Command:
    return call(
        script,
        [place.chat, place.chats, shard_key(head.id), shard_key(head.owner)],
        *(place.chat_id, text_bytes(head.owner), place.written(), *told),
    )


async def _begin_in_steps(
    link: RedisLink, listing: RedisListing, place: Place, head: TurnHead, told: Sequence[bytes]
) -> Any:
    """Return what `redis_turn_scripts.BEGIN` brings; the lists are in other slots than the chat."""
    changed, is_new = await listing.register(place, head.owner, head.id)
    (found,) = await link.write(call(scripts.BEGIN, [place.chat], *told[:2], changed, *told[3:]))
    if found[0] not in (b"begun", b"late"):
        await listing.withdraw(place, changed)
        if is_new:
            await listing.unregister(head.id)
    return found


async def append(
    link: RedisLink,
    listing: RedisListing,
    batches: Sequence[Batch],
    beating: Collection[TurnId],
) -> tuple[Mapping[TurnId, StopReason | None], Mapping[TurnId, int]]:
    """Return whose turns have to end, and the last batch of each turn that was written."""
    beating = frozenset(beating)
    new = by_turn(batches, beating)
    places = await listing.places(new)
    to_end: dict[TurnId, StopReason | None] = {}
    asked: list[TurnId] = []
    commands = []
    for turn, added in new.items():
        if turn not in places or (added and not fit(added, added[0].seq - 1)):
            to_end[turn] = None
            continue
        asked.append(turn)
        values = [
            *(channel(turn), b"1" if turn in beating else b""),
            *(b"%d" % (added[0].seq if added else 0), *(batch.data for batch in added)),
        ]
        commands.append(call(scripts.APPEND, places[turn].turn(turn), *values))
    written: dict[TurnId, int] = {}
    for turn, found in zip(asked, await link.write(*commands), strict=True):
        if found == 1:
            to_end[turn] = None
            continue
        if found != 0:
            to_end[turn] = cast(StopReason, found.decode())
        if new[turn]:
            written[turn] = new[turn][-1].seq
    return to_end, written


async def end(
    link: RedisLink,
    listing: RedisListing,
    turn: TurnId,
    state: State,
    *,
    last: Batch | None,
    message: UIMessage | None,
    ended_at: float,
    beat: int | None,
    keep_ms: int,
) -> bool:
    """As `TurnStore.end`. Redis forgets the turn by itself after ``keep_ms``, if nobody sweeps."""
    place = (await listing.places([turn])).get(turn)
    if place is None:
        return False
    entry = b"" if message is None else message_entry(message)
    told = [
        *(text_bytes(turn), channel(turn), state.encode()),
        *((b"", b"") if last is None else (b"%d" % last.seq, last.data)),
        *(repr(ended_at).encode(), b"" if beat is None else b"%d" % beat),
        *(entry, b"", b"%d" % keep_ms),
    ]
    whole = call(
        whole_scripts.END_WHOLE,
        [place.chat, place.chats, shard_key(turn)],
        *(place.chat_id, *told),
    )
    for _ in range(_TRIES):
        found = await link.write_whole(whole)
        if found is None:
            found = await _end_in_steps(link, listing, place, turn, ended_at, told)
        if found != scripts.LATE:
            return bool(found in (scripts.ENDED, scripts.HAD_ENDED))
    raise StoreUnavailable(_TOO_LATE)


async def _end_in_steps(
    link: RedisLink,
    listing: RedisListing,
    place: Place,
    turn: TurnId,
    ended_at: float,
    told: Sequence[bytes],
) -> Any:
    """Return what `redis_turn_scripts.END` brings; the lists are in other slots than the chat."""
    is_change = bool(told[7])
    changed = await listing.announce(place) if is_change else b""
    (found,) = await link.write(call(scripts.END, [place.chat], *told[:8], changed, *told[9:]))
    if found == scripts.ENDED:
        listing.register_end(turn, ended_at)
    elif found != scripts.LATE and is_change:
        await listing.withdraw(place, changed)
    return found


async def head(
    link: RedisLink, listing: RedisListing, owner: Owner, turn: TurnId
) -> TurnHead | None:
    place = (await listing.places([turn])).get(turn)
    if place is None:
        return None
    (flat,) = await link.read(call(scripts.HEAD, place.turn(turn)[:1]))
    found = head_of(flat) if flat and not is_deleted(flat) else None
    return found if found is not None and found.owner == owner else None


async def fetch(link: RedisLink, listing: RedisListing, turn: TurnId, after: int) -> Tail | None:
    place = (await listing.places([turn])).get(turn)
    if place is None:
        return None
    (found,) = await link.read(
        call(scripts.FETCH, place.turn(turn), max(0, min(after, _LARGEST - 1)) + 1, _FETCHED_BYTES)
    )
    return None if found is None else Tail(head_of(found[0]), batches_of(turn, found[1]))


async def watch(link: RedisLink, listing: RedisListing, turn: TurnId) -> tuple[bool, int]:
    """Let writers say what they write from now on; return whether it runs, and its last batch."""
    place = (await listing.places([turn])).get(turn)
    if place is None:
        return False, 0
    (found,) = await link.write(call(scripts.WATCH, place.turn(turn)[:1]))
    state: Any = found[0]
    return state == b"running", int(found[1] or 0)


async def ask_to_stop(
    link: RedisLink, listing: RedisListing, turn: TurnId, reason: StopReason
) -> None:
    place = (await listing.places([turn])).get(turn)
    if place is not None:
        await link.write(call(scripts.ASK_TO_STOP, place.turn(turn)[:1], reason))
