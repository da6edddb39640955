"""Stores that break one promise each: the suite has to notice all of them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace as replaced

from app.store.conformance import CHECKS, Clock, Stores
from app.store.limits import Lease, Payer, Taken, Use, Window
from app.store.memory import MemoryStore
from app.store.store import (
    Batch,
    Begun,
    Busy,
    Changed,
    Chat,
    ChatId,
    ChatSummary,
    Owner,
    State,
    StopReason,
    Tail,
    TurnHead,
    TurnId,
    UIMessage,
)


class LetsTwoIn(MemoryStore):
    async def begin(self, head: TurnHead, **asked: Any) -> Begun | Busy | Changed:
        result = await super().begin(head, **asked)
        if isinstance(result, Busy) and result.turn.id != head.id:
            await super().end(result.turn.id, "lost", last=None, message=None, ended_at=0.0)
            return await super().begin(head, **asked)
        return result


class TrustsAnyRevision(MemoryStore):
    async def begin(self, head: TurnHead, *, revision: int, **asked: Any) -> Any:
        chat = await self.chat(head.owner, head.chat_id)
        return await super().begin(head, revision=chat.revision if chat else 0, **asked)


class KeepsTooMuch(MemoryStore):
    async def begin(self, head: TurnHead, *, keep: int, **asked: Any) -> Any:
        return await super().begin(head, keep=keep + 1, **asked)


class DropsTheBeginning(MemoryStore):
    async def begin(self, head: TurnHead, *, first: Batch | None = None, **asked: Any) -> Any:
        return await super().begin(head, **asked)


class YieldsWhileItBegins(MemoryStore):
    """Two may have looked before one has written."""

    async def begin(self, head: TurnHead, **asked: Any) -> Any:
        busy = await super().chat(head.owner, head.chat_id)
        await asyncio.sleep(0)
        if busy is None:
            await super().delete(head.owner, head.chat_id)
        return await super().begin(head, **asked)


class MakesAChatOverAnother(MemoryStore):
    async def begin_new(self, head: TurnHead, **asked: Any) -> Begun | Chat | None:
        await super().delete(head.owner, head.chat_id)
        return await super().begin(head, revision=0, keep=0, **asked)  # type: ignore[return-value]


class ForgetsTheFirstMessage(MemoryStore):
    async def begin_new(self, head: TurnHead, **asked: Any) -> Begun | Chat | None:
        chat = await super().chat(head.owner, head.chat_id)
        if chat is None:
            await super().begin(head, revision=0, keep=0, messages=[], title="Greetings")
        return Begun() if chat is None else chat


class BeginsButCannotTell(MemoryStore):
    async def begin_new(self, head: TurnHead, **asked: Any) -> Begun | Chat | None:
        await super().begin(head, revision=0, keep=0, **asked)
        return None


class WritesTwice(MemoryStore):
    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        for batch in batches:
            turn = self._turns.get(batch.turn)
            if turn is not None and batch.seq <= len(turn.log):
                turn.log.append(batch)
        return await super().append(batches, beating=beating)


class WritesAGap(MemoryStore):
    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        result = dict(await super().append(batches, beating=beating))
        for batch in batches:
            turn = self._turns.get(batch.turn)
            if turn is not None and batch.turn in result and result[batch.turn] is None:
                turn.log.append(batch)
        return result


class ForgetsTheBeat(MemoryStore):
    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        to_end = await super().append(batches, beating=())
        return {**to_end, **await super().append([], beating=beating)} if batches else to_end


class TellsNobodyToStop(MemoryStore):
    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        to_end = await super().append(batches, beating=beating)
        return {turn: reason for turn, reason in to_end.items() if reason is None}


class TakesTheLastReason(MemoryStore):
    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        if turn in self._turns and self._turns[turn].head.state == "running":
            self._turns[turn].changes(stop=reason)


class EndsAgain(MemoryStore):
    async def end(self, turn: TurnId, state: State, **asked: Any) -> bool:
        if turn in self._turns and not self._turns[turn].is_deleted:
            self._turns[turn].changes(state="running")
        return await super().end(turn, state, **asked)


class NeverRepeatsAnEnd(MemoryStore):
    async def end(self, turn: TurnId, state: State, **asked: Any) -> bool:
        is_over = turn in self._turns and self._turns[turn].head.state != "running"
        return not is_over and await super().end(turn, state, **asked)


class IgnoresTheBeat(MemoryStore):
    async def end(
        self, turn: TurnId, state: State, *, beat: int | None = None, **asked: Any
    ) -> bool:
        return await super().end(turn, state, **asked)


class AddsWhereItReplaces(MemoryStore):
    async def end(
        self, turn: TurnId, state: State, *, message: UIMessage | None, **asked: Any
    ) -> bool:
        own = self._turns.get(turn)
        chat = None if own is None else self._chats.get(own.head.owner, {}).get(own.head.chat_id)
        if chat is not None and message is not None:
            chat.messages = [(None, data) for _, data in chat.messages]
        return await super().end(turn, state, message=message, **asked)


class WakesNobody(MemoryStore):
    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        record = self._turns.get(turn)
        if record is not None and record.head.state == "running" and len(record.log) <= after:
            await asyncio.sleep(timeout_s)


class NeverWaits(MemoryStore):
    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        await asyncio.sleep(0)


class WaitsForEver(MemoryStore):
    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        await super().wait(turn, after, 1e6)


class SkipsABatch(MemoryStore):
    async def fetch(self, turn: TurnId, after: int = 0) -> Tail | None:
        tail = await super().fetch(turn, after)
        return None if tail is None else Tail(tail.head, [b for b in tail.batches if b.seq != 7])


class ShowsTurnsToAnybody(MemoryStore):
    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        own = self._turns.get(turn)
        return None if own is None else await super().turn(own.head.owner, turn)


class MixesOwners(MemoryStore):
    async def delete(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        found = [await super(MixesOwners, self).delete(o, chat) for o in list(self._chats)]
        return next((head for head in found if head is not None), None)


class BringsDeletedChatsBack(MemoryStore):
    async def end(
        self, turn: TurnId, state: State, *, message: UIMessage | None, **asked: Any
    ) -> bool:
        own = self._turns.get(turn)
        if own is not None and own.is_deleted and message is not None:
            again = replaced(own.head, id=turn + "again", state="running")
            await super().begin(again, revision=0, keep=0, messages=[message])
        return await super().end(turn, state, message=message, **asked)


class ForgetsWhoIsDeleted(MemoryStore):
    async def delete(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        head = await super().delete(owner, chat)
        if head is not None:
            del self._turns[head.id]
        return head


class CountsTooMuch(MemoryStore):
    async def take(self, payer: Payer, windows: Sequence[Window] = (), **asked: Any) -> Taken:
        more = [
            replaced(window, limit=None if window.limit is None else window.limit + 1)
            for window in windows
        ]
        return await super().take(payer, more, **asked)


class CountsWhoIsRefused(MemoryStore):
    async def once(self, key: str, ttl_s: float) -> bool:
        is_first = await super().once(key, ttl_s)
        self._marks._once[key] = self._now() + ttl_s
        return is_first


class NeverFrees(MemoryStore):
    async def take(self, payer: Payer, windows: Sequence[Window] = (), **asked: Any) -> Taken:
        long = [replaced(window, length_s=1e9) for window in windows]
        return await super().take(payer, long, **asked)


class TakesAndThenLooks(MemoryStore):
    """Counts the first window although the second one refuses."""

    async def take(self, payer: Payer, windows: Sequence[Window] = (), **asked: Any) -> Taken:
        for window in windows[:-1]:
            taken = await super().take(payer, [window])
            if not taken.is_admitted:
                return await super().take(payer, windows, **asked)
        rest = [replaced(window, amount=0) for window in windows[:-1]]
        return await super().take(payer, [*rest, *windows[-1:]], **asked)


class TakesALeaseFirst(MemoryStore):
    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        **asked: Any,
    ) -> Taken:
        if lease is not None:
            await super().take(payer, lease=lease, **asked)
        return await super().take(payer, windows, lease=lease, **asked)


class CountsByLooking(MemoryStore):
    async def take(self, payer: Payer, windows: Sequence[Window] = (), **asked: Any) -> Taken:
        at_least = [replaced(window, amount=max(1, window.amount)) for window in windows]
        return await super().take(payer, at_least, **asked)


class KnowsNoClock(MemoryStore):
    async def take(self, payer: Payer, windows: Sequence[Window] = (), **asked: Any) -> Taken:
        by_use = [replaced(window, is_by_clock=False) for window in windows]
        return await super().take(payer, by_use, **asked)


class LocksOut(MemoryStore):
    """Believes a window that ends in an hour."""

    async def take(self, payer: Payer, windows: Sequence[Window] = (), **asked: Any) -> Taken:
        taken = await super().take(payer, windows, **asked)
        own = self.__dict__.setdefault("latest", {})
        own[payer] = max(own.get(payer, 0.0), self._now())
        if self._now() < own[payer] - 1000:
            return Taken(False, [Use(use.used, 3600.0) for use in taken.uses], taken.running)
        return taken


class BeginsAnewWhenTheClockIsBehind(MemoryStore):
    async def take(self, payer: Payer, windows: Sequence[Window] = (), **asked: Any) -> Taken:
        own = self.__dict__.setdefault("latest", {})
        if self._now() < own.get(payer, 0.0):
            self._records.pop(payer, None)
        own[payer] = self._now()
        return await super().take(payer, windows, **asked)


class RefusesAmounts(MemoryStore):
    """Refuses what would be over the limit, so that the last of it cannot be used."""

    async def take(self, payer: Payer, windows: Sequence[Window] = (), **asked: Any) -> Taken:
        found = await super().take(payer, [replaced(w, limit=None, amount=0) for w in windows])
        for window, use in zip(windows, found.uses, strict=True):
            if window.limit is not None and use.used + window.amount > window.limit:
                return Taken(False, found.uses, found.running)
        return await super().take(payer, windows, **asked)


class LeasesTooMany(MemoryStore):
    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        most_leases: int | None = None,
        **asked: Any,
    ) -> Taken:
        most = None if most_leases is None else most_leases + 1
        return await super().take(payer, windows, most_leases=most, **asked)


class CountsAHolderTwice(MemoryStore):
    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        **asked: Any,
    ) -> Taken:
        lease = None if lease is None else replaced(lease, holder=lease.token)
        return await super().take(payer, windows, lease=lease, **asked)

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        await super().renew(
            {who: [replaced(one, holder=one.token) for one in own] for who, own in leases.items()}
        )

    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        lease = None if lease is None else replaced(lease, holder=lease.token)
        await super().give_back(payer, lease, windows)


class LetsTheOldOneGiveBack(MemoryStore):
    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        held = None if lease is None else self._records[payer].leases.get(lease.holder)
        if lease is not None and held is not None:
            lease = replaced(lease, token=held.token)
        await super().give_back(payer, lease, windows)


class NeverGivesBack(MemoryStore):
    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        await super().give_back(payer, None, windows)


class AddsNothingAfterwards(MemoryStore):
    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        await super().give_back(payer, lease)


class NeverRenews(MemoryStore):
    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        await asyncio.sleep(0)


class RenewsTheFirstPayerOnly(MemoryStore):
    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        first = next(iter(leases))
        await super().renew({first: leases[first]})


class RenewsNothingThatHasEnded(MemoryStore):
    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        alive = {
            payer: [one for one in own if self._records[payer].leases[one.holder].ends > now]
            for now in [self._now()]
            for payer, own in leases.items()
        }
        await super().renew(alive)


class KeepsLeasesForEver(MemoryStore):
    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        **asked: Any,
    ) -> Taken:
        lease = None if lease is None else replaced(lease, ttl_s=1e9)
        return await super().take(payer, windows, lease=lease, **asked)


class ListsTheOldestFirst(MemoryStore):
    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        found = await super().chats(owner, before=before, limit=limit)
        return list(reversed(found))


class ListsNothingThatRuns(MemoryStore):
    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        found = await super().chats(owner, before=before, limit=limit)
        return [replaced(chat, running=None) for chat in found]

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        found = await super().chat(owner, chat)
        if found is None:
            return None
        summary = replaced(found.summary, running=None)
        return replaced(found, summary=summary)


class ListsTheLastTurnAsRunning(MemoryStore):
    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        found = await super().chats(owner, before=before, limit=limit)
        return [await self._with_last(owner, chat) for chat in found]

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        found = await super().chat(owner, chat)
        if found is None:
            return None
        summary = await self._with_last(owner, found.summary)
        return replaced(found, summary=summary)

    async def _with_last(self, owner: Owner, chat: ChatSummary) -> ChatSummary:
        head = await super().head(owner, chat.id)
        return replaced(chat, running=None if head is None else head.id)


class PagesWithADouble(MemoryStore):
    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        return await super().chats(
            owner, before=None if before is None else before + 1, limit=limit
        )


class BelievesTheClock(MemoryStore):
    def _change(self) -> int:
        return round(self._now() * 1e6)


class ChangesWithTheTitle(MemoryStore):
    async def rename(self, owner: Owner, chat: ChatId, title: str) -> None:
        await super().rename(owner, chat, title)
        if record := self._chats.get(owner, {}).get(chat):
            record.updated = self._change()


class HandsOutItsOwn(MemoryStore):
    """Keeps messages as they are, and so changes with them."""

    async def begin(
        self, head: TurnHead, *, messages: Sequence[UIMessage], **asked: Any
    ) -> Begun | Busy | Changed:
        result = await super().begin(head, messages=messages, **asked)
        self.__dict__.setdefault("own", {})[head.owner, head.chat_id] = messages
        return result

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        found = await super().chat(owner, chat)
        own = self.__dict__.get("own", {}).get((owner, chat))
        if found is None or own is None or len(own) != len(found.messages):
            return found
        return replaced(found, messages=own)


class NamesTheFirstTurn(MemoryStore):
    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        record = self._chats.get(owner, {}).get(chat)
        return record.turns[0].head if record is not None and record.turns else None


class ShowsTurnsOfOthers(MemoryStore):
    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        owners = [one for one, chats in self._chats.items() if chat in chats]
        return await super().head(owners[0] if owners else owner, chat)


class SweepsRunningTurns(MemoryStore):
    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        for turn in [t for t, record in self._turns.items() if record.head.state == "running"]:
            await super().end(turn, "lost", last=None, message=None, ended_at=now)
        await super().sweep(now, keep_s=keep_s, history_s=history_s)


class NeverSweeps(MemoryStore):
    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        await asyncio.sleep(0)


class SweepsChatsWithTheirLogs(MemoryStore):
    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        await super().sweep(now, keep_s=keep_s, history_s=keep_s)


BROKEN = [
    store
    for store in list(globals().values())
    if isinstance(store, type) and issubclass(store, MemoryStore) and store is not MemoryStore
]


async def _noticed(broken: type[MemoryStore]) -> list[str]:
    """Return the first check that notices what is broken, or nothing."""
    for check in CHECKS:
        clock = Clock()
        store = broken(clock)
        try:
            async with asyncio.timeout(2.0):
                await check(Stores(here=store, there=store, clock=clock, patience_s=0.1))
        except Exception:
            return [check.__name__]
    return []


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
async def test_a_broken_promise_is_noticed(broken: type[MemoryStore]) -> None:
    assert await _noticed(broken)


async def test_a_store_that_is_whole_passes_with_as_little_patience() -> None:
    assert await _noticed(MemoryStore) == []
