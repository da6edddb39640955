"""A turn while it runs: its task, its time limit and its end.

All rules about endings are here. A turn that fails before it has sent anything raises to the
route, which responds with a real HTTP status. Later failures end the stream with an `Error` event,
whatever the cause: the model's stream broke, the time limit was reached, the server stops, or a
defect of ours.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from app.causes import or_lack_of_descriptors
from app.errors import ChatError, ServerStopping, TimeLimitReached, status_of
from app.events import Emit, Error, Event, Start, TextDelta
from app.grammar import State
from app.protocols.framing import Framer
from app.turns.outbox import Outbox
from app.turns.outcome import TurnLabels, TurnOutcome
from app.turns.progress import TurnProgress
from app.turns.transcript import Transcript

logger = logging.getLogger("deltaline.turn")

TIME_LIMIT = Error(TimeLimitReached.code, TimeLimitReached.public_message)
SHUTDOWN = Error(ServerStopping.code, ServerStopping.public_message)
DEFECT = Error(ChatError.code, ChatError.public_message)


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
        deadline: loop time at which the turn ends with `TIME_LIMIT`.

    Attributes:
        opened: done as soon as the turn has sent something; holds the exception if it failed
            before that.
        outcome: how the turn ended; `None` while it runs.
    """

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
        deadline: float | None = None,
    ) -> None:
        self.labels = labels
        self.transcript = transcript
        self.outcome: TurnOutcome | None = None
        self._run_turn = run
        self._message_id = message_id
        self._framer = framer
        self._outbox = outbox
        self._progress = progress
        self._deadline = deadline
        self._timer: asyncio.TimerHandle | None = None
        self._limit: asyncio.Timeout | None = None
        self._stop_error: Error | None = None
        self._is_answering = False
        self._client_left = False
        # The status of a response that was not begun because the turn failed.
        self._refusal_status: int | None = None
        if transcript is not None:
            framer.observe(transcript.add)

    def start(self, on_end: Callable[["LiveTurn"], None]) -> None:
        """Start the turn's task and timers. Cannot fail.

        Args:
            on_end: called once when the turn is over, however it ended.
        """
        loop = asyncio.get_running_loop()
        self._on_end = on_end
        self.opened: asyncio.Future[None] = loop.create_future()
        if self._outbox is not None:
            self._outbox.start_keep_alive()
        if self._deadline is not None:
            self._timer = loop.call_at(self._deadline, self.stop, TIME_LIMIT)
        self.task = asyncio.create_task(self._run(), name=f"turn {self._message_id}")
        # Not a `finally` in the task: one that is cancelled before its first step never runs it.
        self.task.add_done_callback(self._done)

    @property
    def error(self) -> Error | None:
        """The error that the turn has ended with, or is ending with."""
        return self._progress.error

    def answer_anyway(self) -> None:
        """Declare that the response has begun: from now on a failure is an event in the stream."""
        self._is_answering = True

    def stop(self, error: Error) -> None:
        """End the turn with ``error`` as soon as possible; its stream still ends properly."""
        self._stop_error = error
        if self._limit is None or self._limit.expired():
            return  # not begun, or already ending
        if self._outbox is None or not self._outbox.is_writing:
            self._limit.reschedule(0)
        # Otherwise the client has to take the frame first, or the stream would miss a piece.

    def abandon(self) -> None:
        """Cancel the turn because its client has left."""
        if not self.task.done():
            self._client_left = True
            self.task.cancel()

    async def leave(self) -> None:
        """Abandon the turn and wait for its end."""
        if not self.task.done():
            self.abandon()
            await asyncio.wait([self.task])

    async def _run(self) -> None:
        limit = asyncio.timeout(None if self._stop_error is None else 0)
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
            if limit.expired() and self._stop_error is not None:
                await self._end(self._stop_error)
            else:
                await self._fail(error)
        except Exception as error:
            await self._fail(error)

    async def _emit(self, events: Sequence[Event]) -> None:
        frame = self._framer.frame(events)
        progress = self._progress
        if (
            progress.first_token_ms is None
            or len(events) > 1
            or not isinstance(events[0], TextDelta)
        ):
            if not self.opened.done():
                self.opened.set_result(None)
            for event in events:
                progress.note(event)
        if self._outbox is not None:
            await self._outbox.put(frame)
            if self._stop_error is not None and self._limit is not None:
                self.stop(self._stop_error)
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

    async def _end(self, event: Error) -> None:
        if self._framer.state is State.DONE:
            return  # the turn was over before it could be stopped
        if self._outbox is not None:
            self._outbox.hold_back_no_more()  # the response may never begin
        start = [Start(self._message_id)] if self._framer.state is State.IDLE else []
        await self._emit([*start, event])

    def _done(self, _: asyncio.Task[None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._outbox is not None:
            self._outbox.close()
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
