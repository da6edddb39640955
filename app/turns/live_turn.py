"""A turn while it runs: its task, its time limit and its end.

All rules about endings are here. A turn that fails before it has sent anything raises to the
route, which responds with a real HTTP status. Later failures end the stream with an `Error` event,
whatever the cause: the model's stream broke, the time limit was reached, the server stops, or a
defect of ours.

A turn that is recorded may outlive its client: `part` then lets it go on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from app.causes import or_lack_of_descriptors
from app.errors import ChatError
from app.events import Abort, Emit, Error, Event, Start, Terminal, TextDelta
from app.grammar import State
from app.protocols.framing import Framer
from app.turns.errors import DEFECT, TIME_LIMIT, status_of
from app.turns.outbox import Outbox
from app.turns.outcome import TurnLabels, TurnObserver, TurnOutcome
from app.turns.progress import TurnProgress
from app.turns.transcript import Transcript

if TYPE_CHECKING:
    from app.turns.recorder import Recorder

logger = logging.getLogger("deltaline.turn")

# A process that has stood still for seconds has sent nothing meanwhile: only then is it asked for.
_GAP_S = 1.0

Standing: TypeAlias = Callable[[], "asyncio.Future[None] | None"]


class _Escaped(Exception):
    """What was raised is no `Exception`, such as a `SystemExit`; asyncio would end its loop."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(type(error).__name__)
        self.__cause__ = error


class LiveTurn:
    """Runs one turn in a task of its own, from `start` on.

    Args:
        run: runs the turn with the given ``emit``.
        labels: what logs and metrics call it.
        message_id: of the assistant's message.
        framer: new, for this turn.
        outbox: where frames go; `None` collects events only (see ``transcript``).
        progress: counts the turn; ``run`` adds the usage of each step.
        transcript: collects the message, for ``on_finish`` and for answers in one piece.
        recorder: keeps the events for a store, and ``transcript`` up to date.
        standing: returns what is waited for before more is sent; None: nothing.
        detached_s: how long the turn goes on after its client has left, in seconds. `None`: the
            turn ends with its client.
        deadline: loop time at which the turn ends with `TIME_LIMIT`.
        observer: told, as those of all turns, how this one ended.

    Attributes:
        opened: done as soon as the turn has sent something; holds the exception if it failed
            before that.
        has_ended: no frame comes after the one that is being sent.
        outcome: how the turn ended; `None` while it runs.
    """

    __slots__ = (
        *("_client_left", "_deadline", "_detached", "_detached_s", "_framer", "_is_answering"),
        *("_last_emit", "_limit", "_message_id", "_on_end", "_outbox", "_progress", "_recorder"),
        *("_refusal_status", "_run_turn", "_standing", "_stop_with", "_time", "_timer"),
        *("has_ended", "labels", "observer", "opened", "outcome", "task", "transcript"),
    )

    def __init__(
        self,
        run: Callable[[Emit], Awaitable[None]],
        *,
        labels: TurnLabels,
        message_id: str,
        framer: Framer,
        outbox: Outbox | None,
        progress: TurnProgress,
        transcript: Transcript | None = None,
        recorder: "Recorder | None" = None,
        standing: Standing | None = None,
        detached_s: float | None = None,
        deadline: float | None = None,
        observer: TurnObserver | None = None,
    ) -> None:
        self.labels = labels
        self.observer = observer
        self.transcript = transcript
        self.outcome: TurnOutcome | None = None
        self.has_ended = False
        self._run_turn = run
        self._message_id = message_id
        self._framer = framer
        self._outbox = outbox
        self._progress = progress
        self._deadline = deadline
        self._timer: asyncio.TimerHandle | None = None
        self._limit: asyncio.Timeout | None = None
        self._stop_with: Terminal | None = None
        self._is_answering = False
        self._recorder = recorder
        self._standing = standing
        self._last_emit = 0.0
        self._detached_s = detached_s
        self._detached: asyncio.TimerHandle | None = None
        self._client_left = False
        # The status of a response that was not begun because the turn failed.
        self._refusal_status: int | None = None
        if recorder is not None:
            framer.observe(recorder.note)
        elif transcript is not None:
            framer.observe(transcript.add)

    def start(self, on_end: Callable[["LiveTurn"], None]) -> None:
        """Start the turn's task and timers. Cannot fail.

        Args:
            on_end: called once when the turn is over, however it ended.
        """
        loop = asyncio.get_running_loop()
        self._on_end = on_end
        self._time = loop.time
        self.opened: asyncio.Future[None] = loop.create_future()
        if self._outbox is not None:
            self._outbox.start_keep_alive()
        if self._deadline is not None:
            self._timer = loop.call_at(self._deadline, self.stop, TIME_LIMIT)
        self.task = loop.create_task(self._run(), name=f"turn {self._message_id}")
        # Not a `finally` in the task: one that is cancelled before its first step never runs it.
        self.task.add_done_callback(self._done)

    @property
    def error(self) -> Error | None:
        """The error that the turn has ended with, or is ending with."""
        return self._progress.error

    def answer_anyway(self) -> None:
        """Declare that the response has begun: from now on a failure is an event in the stream."""
        self._is_answering = True

    @property
    def is_detached(self) -> bool:
        """Whether the turn goes on although its client has left."""
        return self._detached is not None and not self.task.done()

    def stop(self, event: Terminal) -> None:
        """End the turn with ``event`` as soon as possible; its stream still ends properly."""
        self._stop_with = event
        if self._limit is None or self._limit.expired():
            return  # not begun, or already ending
        if self._outbox is None or not self._outbox.is_writing:
            self._limit.reschedule(0)
        # Otherwise the client has to take the frame first, or the stream would miss a piece.

    def abandon(self) -> None:
        """Cancel the turn, or let it go on alone: its client has left."""
        if self.task.done():
            return
        self._client_left = True
        if self._detached_s is None:
            self.task.cancel()
        elif self._detached is None:
            self._is_answering = True  # to those who follow
            if self._outbox is not None:
                self._outbox.close()
            loop = asyncio.get_running_loop()
            self._detached = loop.call_later(self._detached_s, self.stop, Abort("detached"))

    async def part(self) -> None:
        """Abandon the turn, and wait for its end if that is near."""
        self.abandon()
        if self.outcome is None and not self.is_detached:
            await asyncio.wait([self.task])

    async def leave(self) -> None:
        """End the turn, whether or not it could go on alone, and wait for its end."""
        self._detached_s = None
        self.abandon()
        if not self.task.done():
            await asyncio.wait([self.task])

    async def _run(self) -> None:
        limit = asyncio.timeout(None if self._stop_with is None else 0)
        try:
            async with limit:
                # Set only while it can be moved: a turn that is ending cannot be stopped again.
                self._limit = limit
                try:
                    await self._run_turn(self._emit)
                finally:
                    self._limit = None
            if self._framer.state is not State.DONE:
                raise RuntimeError("the turn was over without its end")
        except TimeoutError as error:
            if limit.expired() and self._stop_with is not None:
                await self._end(self._stop_with)
            else:
                await self._fail(error)
        except BaseException as error:
            # A provider that raises what is no `Exception` ends its turn only, and not the server.
            if isinstance(error, asyncio.CancelledError) and self.task.cancelling():
                raise
            await self._fail(error if isinstance(error, Exception) else _Escaped(error))

    async def _emit(self, events: Sequence[Event]) -> None:
        if self._standing is not None:
            now = self._time()
            if now - self._last_emit > _GAP_S and (standing := self._standing()) is not None:
                await asyncio.wait((standing,))
            self._last_emit = now
        frame = self._framer.frame(events)
        progress = self._progress
        if progress.awaits_token or len(events) > 1 or not isinstance(events[0], TextDelta):
            if not self.opened.done():
                self.opened.set_result(None)
            for event in events:
                progress.note(event)
            self.has_ended = self._framer.state is State.DONE
            if self._recorder is not None:
                self._recorder.weigh(len(frame))
        if self._outbox is not None:
            await self._outbox.put(frame)
            if self._stop_with is not None and self._limit is not None:
                self.stop(self._stop_with)
                await asyncio.sleep(0)  # the time limit cancels the task here

    async def _fail(self, error: Exception) -> None:
        """End the turn for ``error``: as an exception while the status is open, else in-band."""
        error = or_lack_of_descriptors(error)
        if isinstance(error, ChatError):
            logger.warning("turn failed: %s: %s", type(error).__name__, error.log_text)
            event = Error(error.code, error.public_message)
        else:
            logger.error("turn failed by a defect", exc_info=error)
            event = DEFECT
        if self._is_answering or self.opened.done():
            await self._end(event)
        else:
            self._progress.fail(event)
            self._refusal_status = error.status if isinstance(error, ChatError) else 500
            self.opened.set_exception(error)

    async def _end(self, event: Terminal) -> None:
        if self._framer.state is State.DONE:
            return  # the turn was over before it could be stopped
        if self._outbox is not None:
            self._outbox.hold_back_no_more()  # the response may never begin
        await self._emit(self._ended_by(event))

    def _ended_by(self, event: Terminal) -> Sequence[Event]:
        is_new = self._framer.state is State.IDLE
        return [Start(self._message_id), event] if is_new else [event]

    def _done(self, _: asyncio.Task[None]) -> None:
        for timer in (self._timer, self._detached):
            if timer is not None:
                timer.cancel()
        if self._outbox is not None:
            self._outbox.close()
        if self._recorder is not None:
            if self._framer.state is not State.DONE:
                # Nobody has been sent an end, but who reads the log has to find one.
                self._framer.frame(self._ended_by(self._progress.error or Abort()))
            self._recorder.close()
        if not self.opened.cancel():
            self.opened.exception()  # retrieved, even if nobody waits for it any more
        self.outcome = self._progress.outcome(status=self._status(), client_left=self._client_left)
        self._on_end(self)

    def _status(self) -> int:
        """Return the HTTP status that goes with the turn's end."""
        if self._refusal_status is not None:
            return self._refusal_status
        # A stream has sent its status before it failed; an answer in one piece has not.
        error = self._progress.error if self._outbox is None else None
        return 200 if error is None else status_of(error.code)
