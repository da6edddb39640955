"""Writes what the turns of this process have sent into the store, all of them together.

The turns never wait for it. While turns run there is one write every `INTERVAL_S`, or as often as
the engine wants, if something waits to be written, and a beat of all of them at least once a
second. A turn's end is written at once, and together with those of the next `TOGETHER_S` if many
turns end: what a write costs is hardly more for twenty of them. The others wait for their own time,
or each turn would be written whenever another one ends. What cannot be written is kept and tried
again, until it is written or the process ends.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from app.events import Abort
from app.store.store import Batch, StopReason, Store, TurnHead, TurnId
from app.turns.errors import LOST
from app.turns.held import held_of
from app.turns.kept_turn import KeptTurn
from app.turns.patience import patiently
from app.turns.rounds import Rounds

logger = logging.getLogger("deltaline.store")

INTERVAL_S = 0.1
# Between two writes of ends, unless somebody waits for one.
TOGETHER_S = 0.02
# After so long without a try to write, its turns may count as dead: the process was suspended.
STOOD_STILL_S = 5.0
# Between two beats. Who watches a turn counts it as lost after ten times that.
BEAT_S = 0.8
# After a failure.
RETRY_S = 0.5


class Flusher:
    """Writes the logs of the turns that run in this process.

    Args:
        store: where to.
        now: Unix seconds.
        clock: seconds, monotonic.
        interval_s: as `INTERVAL_S`; None: what the engine says (`flush_interval_s`), else that.
        together_s: as `TOGETHER_S`.
        retry_s: as `RETRY_S`.
        on_failure: called after each write that has failed.

    Attributes:
        interval_s: as it was decided.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        interval_s: float | None = None,
        together_s: float = TOGETHER_S,
        retry_s: float = RETRY_S,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._now = now
        self._clock = clock
        own_s: float = getattr(store, "flush_interval_s", INTERVAL_S)
        self.interval_s = own_s if interval_s is None else interval_s
        self._together_s = together_s
        self._turns: dict[TurnId, KeptTurn] = {}
        self._last_beat = 0.0
        self._last_round = 0.0
        self._round: asyncio.Future[None] | None = None
        self._last_end = 0.0  # by the loop's clock
        self._ending: asyncio.TimerHandle | None = None
        # Whether the store's calls have been seen to wait for something.
        self._waits = False
        self._is_for_all = False  # whether the next write is of all turns
        self._last_for_all = 0.0
        self._rounds = Rounds(
            self._write,
            self.__len__,
            every_s=self.interval_s,
            pause_s=retry_s,
            name="flusher",
            complaint="the store cannot be written, %d turns wait; answers go on",
            on_failure=on_failure,
        )

    def __len__(self) -> int:
        """Return of how many turns the end is not written."""
        return len(self._turns)

    def add(self, turn: KeptTurn) -> None:
        """Write the log of ``turn`` from now on, until its end is written."""
        self._turns[turn.head.id] = turn
        if not self._rounds.is_running:
            self._last_beat = self._last_round = self._clock()
            self._rounds.start()

    def wake(self) -> None:
        """Write at once."""
        self._is_for_all = True
        self._rounds.wake()

    def standing(self) -> asyncio.Future[None] | None:
        """Return what turns wait for before they send more; None: nothing.

        If this process has stood still, somebody may have ended its turns, and what their models
        sent meanwhile is not to be sent on. The next round of writing tells.
        """
        if not self._rounds.is_running:  # no turn is in the store
            return None
        if self._clock() - self._last_round < STOOD_STILL_S:
            return None
        if self._round is None:
            self._round = asyncio.get_running_loop().create_future()
        self.wake()
        return self._round

    def _round_is_over(self) -> None:
        self._last_round = self._clock()
        if self._round is not None:
            self._round.set_result(None)
            self._round = None

    def has_ended(self, *, is_awaited: bool = False) -> None:
        """Write the end of a turn soon; at once if somebody waits for it."""
        if is_awaited:
            self.wake()
        if self._rounds.is_awake or self._ending is not None:
            return
        loop = asyncio.get_running_loop()
        at = self._last_end + self._together_s
        if loop.time() >= at:
            self._rounds.wake()
        else:
            self._ending = loop.call_at(at, self._rounds.wake)

    async def finish(self, within_s: float) -> None:
        """Return when the end of every turn is written, or the time is up."""
        self._is_for_all = True
        await self._rounds.finish(within_s)

    async def aclose(self) -> int:
        """Write nothing any more; return of how many turns the end is given up."""
        await self._rounds.aclose()
        self._round_is_over()
        given_up = tuple(self._turns.values())
        for turn in given_up:
            turn.settle(False)
        return len(given_up)

    async def _write(self, is_time: bool) -> None:
        self._is_for_all |= is_time
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        try:
            await self._flush(self._due())
        except BaseException:
            self._is_for_all = True
            raise
        finally:
            self._round_is_over()

    def _due(self) -> Sequence[KeptTurn]:
        """Return the turns that are written now."""
        now = self._clock()
        turns = self._turns.values()
        if not self._is_for_all and now - self._last_for_all < self.interval_s:
            return [turn for turn in turns if turn.recorder.is_closed]
        self._is_for_all = False
        self._last_for_all = now
        return tuple(turns)

    async def _flush(self, turns: Sequence[KeptTurn]) -> None:
        batches: list[Batch] = []
        for turn in turns:
            recorder = turn.recorder
            if not recorder.is_closed:
                recorder.take()
            if recorder.is_unplaced:
                _, held = await held_of(self._store, turn.head.id)
                recorder.place(held)
            waiting = recorder.unwritten
            # The last one goes with the end.
            batches += waiting[:-1] if recorder.is_closed else waiting
        is_time = self._clock() - self._last_beat >= BEAT_S
        beating = list(self._turns) if is_time else []
        if batches or beating:
            to_end = await self._append(batches, beating)
            if beating:
                self._last_beat = self._clock()
            for turn_id, reason in to_end.items():
                await self._heed(self._turns[turn_id], reason)
            for batch in batches:
                written = self._turns.get(batch.turn)
                if written is not None and (not to_end or to_end.get(batch.turn, "") is not None):
                    written.recorder.forget(batch)
        await self._end_all([turn for turn in self._turns.values() if turn.recorder.is_closed])

    async def _end_all(self, over: Sequence[KeptTurn]) -> None:
        if not over:
            return
        loop = asyncio.get_running_loop()
        self._last_end = loop.time()
        failed: list[BaseException] = []
        left = list(over)
        while left and (not self._waits or len(left) == 1):
            # One by one, as long as they do not wait, and one alone: tasks would cost more than all
            # else.
            try:
                await self._end(left.pop(0))
            except Exception as error:  # may be of this turn only
                failed.append(error)
        results = await asyncio.gather(*map(self._end, left), return_exceptions=True)
        failed += [result for result in results if result is not None]
        if failed:
            raise failed[0]

    def _has_waited(self) -> None:
        self._waits = True

    async def _append(
        self, batches: Sequence[Batch], beating: Sequence[TurnId]
    ) -> dict[TurnId, StopReason | None]:
        return dict(await patiently(self._store.append(batches, beating=beating)))

    async def _heed(self, turn: KeptTurn, reason: StopReason | None) -> None:
        """End ``turn``: somebody wants that, or has done it."""
        if reason is not None:
            turn.stop(Abort(reason))
            return
        head, held = await held_of(self._store, turn.head.id)
        if self._writes_again(turn, head, held):
            return
        del self._turns[turn.head.id]
        turn.settle(False)
        if head is not None and head.state == "lost":
            logger.warning("a turn was taken for dead, since this process did not beat")
            turn.stop(LOST)
        else:
            turn.stop(Abort("deleted"))

    def _writes_again(self, turn: KeptTurn, head: TurnHead | None, held: int) -> bool:
        """Write what a store has lost that was killed, or replaced by one that knew less.

        A chat that was deleted is no such case: its turn is known as stopped for a while.
        """
        if head is None:
            if turn.begin_again is None:
                return False
            logger.warning("the store has lost a turn; it is begun in it again")
            del self._turns[turn.head.id]
            turn.recorder.write_again()
            turn.begin_again()
            return True
        if head.state != "running" or not turn.recorder.write_again(held):
            return False
        logger.warning("the store has lost the last of a turn; it is written again")
        self.wake()
        return True

    async def _end(self, turn: KeptTurn) -> None:
        recorder = turn.recorder
        if len(recorder.unwritten) > 1:
            self.wake()  # closed after its batches were collected: next time
            return
        message = recorder.message()
        has_ended = await patiently(
            self._store.end(
                turn.head.id,
                recorder.state,
                last=recorder.unwritten[0] if recorder.unwritten else None,
                message=message if message["parts"] else None,
                ended_at=self._now(),
            ),
            on_wait=self._has_waited,
        )
        if not has_ended and turn.head.id in self._turns:
            head, held = await held_of(self._store, turn.head.id)
            if self._writes_again(turn, head, held):
                return
        self._turns.pop(turn.head.id, None)
        turn.settle(has_ended)
