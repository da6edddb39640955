"""Turns whose writer has died: who follows one finds out, and ends it.

A writer that lives changes its turn's beat every second. Clocks of machines differ, so nobody reads
a time that another has written: a turn is lost once this process has itself seen its beat stand
still for `STILL_S`. The time in which this process could not look does not count.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from app.cancelling import cancel
from app.chats.whole_message import WholeMessage
from app.errors import StoreUnavailable
from app.events import Event, Start
from app.grammar import State
from app.protocols.framing import Framer
from app.protocols.text_stream import TextStreamEncoder
from app.store.event_log import encode
from app.store.store import Batch, Owner, Store, TurnHead, TurnId
from app.turns.errors import LOST
from app.turns.log_reader import LogReader
from app.turns.merging import merged
from app.turns.patience import PATIENCE_S, patience
from app.turns.transcript import Transcript

logger = logging.getLogger("deltaline.store")

STILL_S = 10.0
_LOOK_S = 1.0


class LostTurns:
    """Watches the turns that somebody here waits for. One task a turn, however many wait.

    Args:
        store: of the turns.
        is_ours: whether a turn runs in this process, which then needs no watching.
        now: Unix seconds.
        clock: seconds, monotonic.
        still_s: how long a beat has to stand still, in seconds.
        look_s: time between two looks, in seconds.
        patience_s: how long one call of the store may take, in seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        is_ours: Callable[[TurnId], bool],
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        still_s: float = STILL_S,
        look_s: float = _LOOK_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store = store
        self.is_ours = is_ours
        self._now = now
        self._clock = clock
        self._still_s = still_s
        self._look_s = look_s
        self._patience_s = patience_s
        self._watched: dict[TurnId, tuple[int, asyncio.Task[None]]] = {}
        self._looked_after: dict[TurnId, asyncio.Task[None]] = {}

    @contextlib.asynccontextmanager
    async def watching(self, turn: TurnHead) -> AsyncIterator[None]:
        """Watch ``turn`` within the block, and end it if its writer is dead."""
        if turn.state != "running" or self.is_ours(turn.id):
            yield
            return
        with self._watch(turn.owner, turn.id):
            yield

    def look_after(self, owner: Owner, turn: TurnId) -> None:
        """Watch a turn as long as it takes to find out whether its writer lives.

        For those who have seen it running and do not wait for it.
        """
        if self.is_ours(turn) or turn in self._looked_after:
            return
        task = asyncio.create_task(self._look_after(owner, turn), name=f"look after {turn}")
        self._looked_after[turn] = task
        task.add_done_callback(lambda _: self._looked_after.pop(turn))

    async def aclose(self) -> None:
        """Watch nothing any more that nobody waits for."""
        await cancel(self._looked_after.values())

    async def _look_after(self, owner: Owner, turn: TurnId) -> None:
        with self._watch(owner, turn) as task:
            await asyncio.wait((task,), timeout=2 * (self._still_s + self._look_s))

    @contextlib.contextmanager
    def _watch(self, owner: Owner, turn: TurnId) -> Iterator[asyncio.Task[None]]:
        count, task = self._watched.get(turn, (0, None))
        if task is None:
            task = asyncio.create_task(self._watch_on(owner, turn), name=f"watch {turn}")
        self._watched[turn] = (count + 1, task)
        try:
            yield task
        finally:
            count, task = self._watched[turn]
            if count > 1:
                self._watched[turn] = (count - 1, task)
            else:
                del self._watched[turn]
                task.cancel()

    async def _watch_on(self, owner: Owner, turn: TurnId) -> None:
        beat: int | None = None
        still_s = 0.0
        looked = self._clock()
        while True:
            try:
                async with patience(self._patience_s):
                    head = await self._store.turn(owner, turn)
                if head is None or head.state != "running":
                    return
                looked, passed = self._clock(), self._clock() - looked
                # Nobody looked for longer if this process was suspended or the store was slow.
                still_s = still_s + min(passed, 2 * self._look_s) if head.beat == beat else 0.0
                beat = head.beat
                if still_s >= self._still_s and await self._end(head):
                    return
            except StoreUnavailable:
                beat = None
            except Exception:
                logger.exception("a turn could not be watched")
                beat = None
            await asyncio.sleep(self._look_s)

    async def _end(self, head: TurnHead) -> bool:
        """End a turn whose writer is dead; return whether this was us."""
        events: list[Event] = []
        log = LogReader(self._store, head.id, patience_s=self._patience_s)
        while (read := await log.read()) is not None and read.has_more:
            events += read.events
            if read.defect is not None:
                logger.error("a log cannot be read: %s", read.defect)
        missing, message = last_words(events, head.message_id)
        last = None
        if missing:
            (data,) = encode(missing, max_bytes=2**31)
            last = Batch(head.id, log.seq + 1, data)
        async with patience(self._patience_s):
            has_ended = await self._store.end(
                head.id,
                "lost",
                last=last,
                message=message,
                ended_at=self._now(),
                beat=head.beat,
            )
        if has_ended:
            logger.warning("a turn was lost: its process does not beat any more")
        return has_ended


def last_words(
    events: Sequence[Event], message_id: str
) -> tuple[Sequence[Event], dict[str, Any] | None]:
    """Return the events that end a turn which broke off after ``events``, and its message.

    The message is `None` if nothing was said.
    """
    transcript = Transcript(message_id)
    framer = Framer(TextStreamEncoder())
    framer.observe(transcript.add)
    framer.frame(merged(WholeMessage().take(events)))
    missing: list[Event] = []

    def note(event: Event) -> None:
        missing.append(event)
        transcript.add(event)

    framer.observe(note)
    if framer.state is State.IDLE:
        framer.frame([Start(message_id)])
    if framer.state is not State.DONE:
        framer.frame([LOST])
    message = transcript.message()
    return missing, message if message["parts"] else None
