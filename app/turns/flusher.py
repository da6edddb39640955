"""Writes what the turns of this process have sent into the store, all of them together.

The turns never wait for it. While turns run there is one write every `INTERVAL_S`, or as often as
the engine wants, if something waits to be written, and a beat of all of them at least once a
second; a turn's end is written at once. What cannot be written is kept and tried again, until it is
written or the process ends.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence

from app.errors import StoreUnavailable
from app.events import Abort, Error
from app.seldom_warning import SeldomWarning
from app.store.store import Batch, StopReason, Store, TurnId
from app.turns.kept_turn import KeptTurn
from app.turns.patience import patience

logger = logging.getLogger("deltaline.store")

INTERVAL_S = 0.1
# Between two beats. Who watches a turn counts it as lost after ten times that.
BEAT_S = 0.8
# After a failure.
RETRY_S = 0.5
# How long the last writes may take when the server ends.
LAST_WRITES_S = 3.0

# What the client that asked is sent if another process has declared its turn dead, which happens
# when this one was suspended for long.
LOST = Error("turn_lost", "The answer was interrupted; please send your message again.")


class Flusher:
    """Writes the logs of the turns that run in this process.

    Args:
        store: where to.
        now: Unix seconds.
        clock: seconds, monotonic.
        interval_s: as `INTERVAL_S`; None: what the engine says (`flush_interval_s`), else that.
        retry_s: as `RETRY_S`.
        last_writes_s: as `LAST_WRITES_S`.

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
        retry_s: float = RETRY_S,
        last_writes_s: float = LAST_WRITES_S,
    ) -> None:
        self._store = store
        self._now = now
        self._clock = clock
        own_s: float = getattr(store, "flush_interval_s", INTERVAL_S)
        self.interval_s = own_s if interval_s is None else interval_s
        self._retry_s = retry_s
        self._last_writes_s = last_writes_s
        self._turns: dict[TurnId, KeptTurn] = {}
        self._last_beat = 0.0
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        text = "the store cannot be written, %d turns wait; answers go on"
        self._warn = SeldomWarning(logger, text)

    def __len__(self) -> int:
        """Return of how many turns the end is not written."""
        return len(self._turns)

    def add(self, turn: KeptTurn) -> None:
        """Write the log of ``turn`` from now on, until its end is written."""
        self._turns[turn.head.id] = turn
        if self._task is None or self._task.done():
            self._last_beat = self._clock()
            self._task = asyncio.create_task(self._run(), name="flusher")

    def wake(self) -> None:
        """Write at once."""
        self._wake.set()

    async def aclose(self) -> None:
        """Write what waits, for a limited time."""
        if self._task is None:
            return
        self.wake()
        await asyncio.wait((self._task,), timeout=self._last_writes_s)
        if not self._task.done():
            logger.error("the end of %d turns could not be written", len(self._turns))
            self._task.cancel()
            await asyncio.wait((self._task,))
        for turn in self._turns.values():
            turn.settle(False)

    async def _run(self) -> None:
        while self._turns:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.interval_s):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._flush()
            except StoreUnavailable as error:
                self._warn(self._clock(), len(self._turns))
                logger.debug("the store cannot be written: %s", error.log_text)
                await asyncio.sleep(self._retry_s)
            except Exception:
                logger.exception("the store failed by a defect")
                await asyncio.sleep(self._retry_s)

    async def _flush(self) -> None:
        turns = tuple(self._turns.values())
        batches: list[Batch] = []
        for turn in turns:
            recorder = turn.recorder
            if not recorder.is_closed:
                recorder.take()
            waiting = recorder.unwritten
            # The last one goes with the end.
            batches += waiting[:-1] if recorder.is_closed else waiting
        is_time = self._clock() - self._last_beat >= BEAT_S
        beating = [turn.head.id for turn in turns] if is_time else []
        if batches or beating:
            to_end = await self._append(batches, beating)
            if beating:
                self._last_beat = self._clock()
            for turn_id, reason in to_end.items():
                await self._heed(self._turns[turn_id], reason)
            for batch in batches:
                if batch.turn in self._turns:
                    self._turns[batch.turn].recorder.forget(batch)
        over = [turn for turn in self._turns.values() if turn.recorder.is_closed]
        results = await asyncio.gather(*map(self._end, over), return_exceptions=True)
        failed = [result for result in results if result is not None]
        if failed:
            raise failed[0]

    async def _append(
        self, batches: Sequence[Batch], beating: Sequence[TurnId]
    ) -> dict[TurnId, StopReason | None]:
        async with patience():
            return dict(await self._store.append(batches, beating=beating))

    async def _heed(self, turn: KeptTurn, reason: StopReason | None) -> None:
        """End ``turn``: somebody wants that, or has done it."""
        if reason is not None:
            turn.stop(Abort(reason))
            return
        del self._turns[turn.head.id]
        turn.settle(False)
        head = None
        with contextlib.suppress(StoreUnavailable):
            async with patience():
                head = await self._store.turn(turn.head.owner, turn.head.id)
        if head is not None and head.state == "lost":
            logger.warning("a turn was taken for dead, since this process did not beat")
            turn.stop(LOST)
        else:
            turn.stop(Abort("deleted"))

    async def _end(self, turn: KeptTurn) -> None:
        recorder = turn.recorder
        if len(recorder.unwritten) > 1:
            self.wake()  # closed after its batches were collected: next time
            return
        message = recorder.message()
        async with patience():
            has_ended = await self._store.end(
                turn.head.id,
                recorder.state,
                last=recorder.unwritten[0] if recorder.unwritten else None,
                message=message if message["parts"] else None,
                ended_at=self._now(),
            )
        self._turns.pop(turn.head.id, None)
        turn.settle(has_ended)
