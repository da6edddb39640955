"""The engine whose data is in a table of DynamoDB, for any number of processes.

Nothing is called until something is asked: the table is not looked at before.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

from app.cancelling import cancel
from app.errors import StoreUnavailable
from app.store.abandoned import Abandoned
from app.store.dynamodb_calls import Calls
from app.store.dynamodb_chats import Chats, scan
from app.store.dynamodb_items import HEAD, RECORD, head_of, record_of
from app.store.dynamodb_limits import Limits
from app.store.dynamodb_logs import Logs
from app.store.dynamodb_marks import Marks
from app.store.dynamodb_records import Records
from app.store.dynamodb_turns import Turns
from app.store.dynamodb_values import text_of
from app.store.dynamodb_waits import Waits
from app.store.limits import Lease, Payer, Taken, Window
from app.store.log_order import by_turn
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

logger = logging.getLogger("deltaline.store")

# How often one of all processes reads the whole table to delete what is old. DynamoDB deletes logs
# by itself.
SWEEP_S = 86_400.0
# How often a process asks whether it is the one.
_ASK_S = 3600.0


class DynamodbStore:
    """Turns and chats in a table with the keys ``pk`` and ``sk``, and ``exp`` for its TTL.

    Args:
        calls: of the table.
        keep_s: how long a log is kept after its turn has ended, in seconds.
        now: Unix seconds.
        sweep_s: as `SWEEP_S`; 0: at each call of `sweep`.
    """

    # Each write costs money here, so a turn's log is written less often than elsewhere.
    flush_interval_s = 0.25

    def __init__(
        self,
        calls: Calls,
        *,
        keep_s: float = 600.0,
        now: Callable[[], float] = time.time,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self._calls = calls
        self._sweep_s = sweep_s
        self._next_ask = 0.0
        self._logs = Logs(calls, keep_s=keep_s, now=now)
        records = Records(calls, now=now)
        self._turns = Turns(calls, self._logs, records, aside=self._aside)
        self._chats = Chats(calls, self._logs, records, now=now, keep_s=keep_s)
        self._marks = Marks(calls, now=now)
        self._limits = Limits(calls, now=now)
        self._abandoned = Abandoned()
        self._written_here: set[TurnId] = set()
        self._waits = Waits(self._logs.reached, is_written_here=self._written_here.__contains__)
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(
        self,
        head: TurnHead,
        *,
        revision: int,
        keep: int,
        messages: Sequence[UIMessage],
        title: str = "",
        first: Batch | None = None,
    ) -> Begun | Busy | Changed:
        result = await self._turns.begin(
            head, revision=revision, keep=keep, messages=messages, title=title, first=first
        )
        if isinstance(result, Begun):
            self._written_here.add(head.id)
        return result

    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        beating = frozenset(beating)
        new = by_turn(batches, beating)
        results = await asyncio.gather(
            *(
                self._turns.append(turn, own, is_beating=turn in beating)
                for turn, own in new.items()
            ),
            return_exceptions=True,
        )
        to_end: dict[TurnId, StopReason | None] = {}
        failure: BaseException | None = None
        for (turn, own), result in zip(new.items(), results, strict=True):
            if isinstance(result, BaseException):
                failure = result
            elif result is None:
                to_end[turn] = None
                self._over(turn)
            else:
                if own:
                    self._waits.wake(turn, own[-1].seq)
                if result is not True:
                    to_end[turn] = result
        if failure is not None:
            raise failure  # those who were written are not written again
        return to_end

    async def end(
        self,
        turn: TurnId,
        state: State,
        *,
        last: Batch | None,
        message: UIMessage | None,
        ended_at: float,
        beat: int | None = None,
    ) -> bool:
        has_ended = await self._turns.end(
            turn, state, last=last, message=message, ended_at=ended_at, beat=beat
        )
        if has_ended:
            self._over(turn)
        return has_ended

    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        return await self._chats.turn(owner, turn)

    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        return await self._chats.head(owner, chat)

    async def fetch(self, turn: TurnId, after: int = 0) -> Tail | None:
        return await self._logs.fetch(turn, after)

    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        await self._waits.wait(turn, after, timeout_s)

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        await self._turns.ask_to_stop(turn, reason)

    async def once(self, key: str, ttl_s: float) -> bool:
        return await self._marks.once(key, ttl_s)

    async def take(
        self,
        payer: Payer,
        windows: Sequence[Window] = (),
        *,
        lease: Lease | None = None,
        most_leases: int | None = None,
    ) -> Taken:
        return await self._limits.take(payer, windows, lease, most_leases)

    async def renew(self, leases: Mapping[Payer, Collection[Lease]]) -> None:
        await self._limits.renew(leases)

    async def give_back(
        self, payer: Payer, lease: Lease | None = None, windows: Sequence[Window] = ()
    ) -> None:
        await self._limits.give_back(payer, lease, windows)

    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        if not await self._is_time_to_sweep():
            return
        beats: dict[TurnId, int] = {}
        async for item in scan(self._calls, HEAD, RECORD):
            if text_of(item["sk"]) == HEAD:
                head = head_of(item).head
                if head.ended_at is None:
                    beats[head.id] = head.beat
                elif head.ended_at <= now - keep_s:
                    await self._chats.delete_log(head.id)
                continue
            record = record_of(item)
            if record.is_gone:
                await self._chats.clear(record)
            elif history_s is not None and record.updated <= (now - history_s) * 1e6:
                await self._chats.delete(record.owner, record.id, revision=record.updated)
        for turn in self._abandoned.among(beats, now):
            await self.end(turn, "lost", last=None, message=None, ended_at=now, beat=beats[turn])

    async def aclose(self) -> None:
        await cancel(self._tasks)
        await self._waits.aclose()
        await self._limits.aclose()
        await self._calls.aclose()

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        return await self._chats.chat(owner, chat)

    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        return await self._chats.chats(owner, before=before, limit=limit)

    async def owners(self) -> Sequence[Owner]:
        return await self._chats.owners()

    async def rename(self, owner: Owner, chat: ChatId, title: str) -> None:
        await self._chats.rename(owner, chat, title)

    async def delete(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        running = await self._chats.delete(owner, chat)
        if running is not None:
            self._over(running.id)
        return running

    def _over(self, turn: TurnId) -> None:
        self._written_here.discard(turn)
        self._waits.wake(turn)

    async def _is_time_to_sweep(self) -> bool:
        """Return whether it is this process that sweeps now: one does for all."""
        if self._sweep_s <= 0:
            return True
        now = asyncio.get_running_loop().time()
        if now < self._next_ask:
            return False
        self._next_ask = now + _ASK_S
        return await self._marks.once("sweep", self._sweep_s)

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        async def carry_out() -> None:
            with contextlib.suppress(StoreUnavailable):
                await work

        task = asyncio.create_task(carry_out(), name="delete what is overwritten")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
