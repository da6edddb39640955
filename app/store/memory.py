"""The engine whose data is in this process and ends with it."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from app.store.abandoned import Abandoned
from app.store.log_order import by_turn, fit
from app.store.memory_limits import MemoryLimits
from app.store.memory_marks import Marks
from app.store.message_json import decoded, encoded, id_of
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


class _Turn:
    """A turn with its log. `ending` is the state and the batch with which it was ended."""

    __slots__ = ("ending", "head", "is_deleted", "log", "waiting")

    def __init__(self, head: TurnHead, log: list[Batch]) -> None:
        self.head = head
        self.log = log
        self.ending: tuple[State, Batch | None] | None = None
        self.is_deleted = False
        self.waiting: list[asyncio.Future[None]] = []

    def changes(self, **values: object) -> None:
        self.head = msgspec.structs.replace(self.head, **values)

    def wake(self) -> None:
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(None)


class _Chat:
    """A chat: its messages as (id, JSON), and its turns whose logs are kept, the last one last."""

    __slots__ = ("created", "messages", "title", "turns", "updated")

    def __init__(self, title: str, created: int) -> None:
        self.title = title
        self.created = self.updated = created
        self.messages: list[tuple[str | None, bytes]] = []
        self.turns: list[_Turn] = []

    @property
    def running(self) -> _Turn | None:
        last = self.turns[-1] if self.turns else None
        return None if last is None or last.head.state != "running" else last

    def summary(self, chat_id: ChatId) -> ChatSummary:
        running = self.running
        return ChatSummary(
            id=chat_id,
            title=self.title,
            created=self.created,
            updated=self.updated,
            running=None if running is None else running.head.id,
        )


class MemoryStore(MemoryLimits):
    """Turns and chats of one process. What waits is woken, and `sweep` keeps it small.

    Args:
        now: Unix seconds.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__(now)
        self._last_change = 0
        self._turns: dict[TurnId, _Turn] = {}
        self._chats: dict[Owner, dict[ChatId, _Chat]] = {}
        self._marks = Marks()
        self._abandoned = Abandoned()

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
        chat = self._chats.get(head.owner, {}).get(head.chat_id)
        if chat is not None and chat.running is not None:
            return Busy(chat.running.head)
        if revision != (0 if chat is None else chat.updated):
            return Changed()
        if head.id in self._turns:
            raise ValueError("the id of a turn is used again")
        added = [(id_of(message), encoded(message)) for message in messages]
        changed = self._change()
        if chat is None:
            chat = _Chat(title, changed)
            self._chats.setdefault(head.owner, {})[head.chat_id] = chat
        chat.messages[keep:] = added
        chat.updated = changed
        turn = self._turns[head.id] = _Turn(head, [] if first is None else [first])
        chat.turns.append(turn)
        return Begun()

    async def append(
        self, batches: Sequence[Batch], *, beating: Collection[TurnId]
    ) -> Mapping[TurnId, StopReason | None]:
        beating = frozenset(beating)
        to_end: dict[TurnId, StopReason | None] = {}
        for turn_id, new in by_turn(batches, beating).items():
            turn = self._turns.get(turn_id)
            if turn is None or turn.head.state != "running" or not fit(new, len(turn.log)):
                to_end[turn_id] = None
                continue
            if turn_id in beating:
                turn.changes(beat=turn.head.beat + 1)
            if turn.head.stop is not None:
                to_end[turn_id] = turn.head.stop
            if new:
                turn.log += new[max(0, len(turn.log) + 1 - new[0].seq) :]
                turn.wake()
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
        record = self._turns.get(turn)
        if record is None:
            return False
        if record.head.state != "running":
            return record.ending == (state, last)
        if beat is not None and beat != record.head.beat:
            return False
        if last is not None and last.seq != len(record.log) + 1:
            return False
        if message is not None:
            self._add(self._chats[record.head.owner][record.head.chat_id], message)
        if last is not None:
            record.log.append(last)
        record.ending = (state, last)
        record.changes(state=state, ended_at=ended_at)
        record.wake()
        return True

    async def turn(self, owner: Owner, turn: TurnId) -> TurnHead | None:
        record = self._turns.get(turn)
        if record is None or record.is_deleted or record.head.owner != owner:
            return None
        return record.head

    async def head(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        record = self._chats.get(owner, {}).get(chat)
        return record.turns[-1].head if record is not None and record.turns else None

    async def fetch(self, turn: TurnId, after: int = 0) -> Tail | None:
        record = self._turns.get(turn)
        return None if record is None else Tail(record.head, record.log[after:])

    async def wait(self, turn: TurnId, after: int, timeout_s: float) -> None:
        record = self._turns.get(turn)
        if record is None or record.head.state != "running" or len(record.log) > after:
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        record.waiting.append(waiting)
        try:
            await asyncio.wait((waiting,), timeout=timeout_s)
        finally:
            record.waiting.remove(waiting)

    async def ask_to_stop(self, turn: TurnId, reason: StopReason) -> None:
        record = self._turns.get(turn)
        if record is not None and record.head.state == "running" and record.head.stop is None:
            record.changes(stop=reason)

    async def once(self, key: str, ttl_s: float) -> bool:
        return self._marks.once(key, ttl_s, self._now())

    async def sweep(self, now: float, *, keep_s: float, history_s: float | None) -> None:
        running = {
            turn: record.head.beat
            for turn, record in self._turns.items()
            if record.head.state == "running"
        }
        for turn in self._abandoned.among(running, now):
            await self.end(turn, "lost", last=None, message=None, ended_at=now)
        over = [
            turn
            for turn, record in self._turns.items()
            if record.head.ended_at is not None and record.head.ended_at <= now - keep_s
        ]
        for turn in over:
            record = self._turns.pop(turn)
            if not record.is_deleted:
                self._chats[record.head.owner][record.head.chat_id].turns.remove(record)
        for owner, chats in list(self._chats.items()):
            old = [
                chat_id
                for chat_id, chat in chats.items()
                if history_s is not None
                and chat.updated <= (now - history_s) * 1e6
                and chat.running is None
            ]
            for chat_id in old:
                await self.delete(owner, chat_id)
            if not chats:
                self._chats.pop(owner, None)
        self._marks.forget_before(self._now())
        self.forget_uses(self._now())

    async def aclose(self) -> None:
        for turn in self._turns.values():
            turn.wake()

    async def chat(self, owner: Owner, chat: ChatId) -> Chat | None:
        record = self._chats.get(owner, {}).get(chat)
        if record is None:
            return None
        return Chat(
            summary=record.summary(chat),
            revision=record.updated,
            messages=[decoded(data) for _, data in record.messages],
            turn=record.turns[-1].head if record.turns else None,
        )

    async def chats(self, owner: Owner, *, before: int | None, limit: int) -> Sequence[ChatSummary]:
        found = [
            chat.summary(chat_id)
            for chat_id, chat in self._chats.get(owner, {}).items()
            if before is None or chat.updated < before
        ]
        return sorted(found, key=lambda summary: -summary.updated)[:limit]

    async def owners(self) -> Sequence[Owner]:
        return sorted(owner for owner, chats in self._chats.items() if chats)

    async def rename(self, owner: Owner, chat: ChatId, title: str) -> None:
        record = self._chats.get(owner, {}).get(chat)
        if record is not None:
            record.title = title

    async def delete(self, owner: Owner, chat: ChatId) -> TurnHead | None:
        record = self._chats.get(owner, {}).pop(chat, None)
        if record is None:
            return None
        running = record.running
        for turn in record.turns:
            if turn is not running:
                del self._turns[turn.head.id]
        if running is None:
            return None
        running.is_deleted = True
        running.log.clear()
        running.changes(state="stopped", stop=running.head.stop or "deleted", ended_at=self._now())
        running.wake()
        return running.head

    def _add(self, chat: _Chat, message: UIMessage) -> None:
        added = (id_of(message), encoded(message))
        if added[0] is not None and chat.messages and chat.messages[-1][0] == added[0]:
            chat.messages.pop()
        chat.messages.append(added)
        chat.updated = self._change()

    def _change(self) -> int:
        """Return the time in microseconds; later than before, also if the clock went back."""
        self._last_change = max(round(self._now() * 1e6), self._last_change + 1)
        return self._last_change
