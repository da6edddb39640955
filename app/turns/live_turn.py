"""A turn while it runs: its task, its way out, its end.

The rules of an ending are all here. A turn that was not opened raises to the route, which answers
with a real HTTP status; a turn that was ends its stream with an `Error` event, whatever happened:
the model broke off, the time limit came, the server stops, we have a defect.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from app.errors import ChatError, ProviderError, ProviderRateLimited, ProviderTimeout
from app.events import Emit, Error, Event, Finish, Start, StepEnd, StepStart, TextDelta, Usage
from app.grammar import State
from app.protocols.framing import Framer
from app.telemetry.log import RequestLog
from app.turns.outbox import Outbox
from app.turns.transcript import Transcript

logger = logging.getLogger("deltaline.turn")

TIME_LIMIT = Error("deadline_exceeded", "The answer was cut off by the time limit.")
SHUTDOWN = Error("shutdown", "The server is restarting; please send your message again.")
DEFECT = Error(ChatError.code, ChatError.public_message)

# An answer in one piece has its status still to come when the turn fails half-way.
_STATUS_OF_WHOLE = {
    TIME_LIMIT.code: 504,
    SHUTDOWN.code: 503,
    DEFECT.code: ChatError.status,
    ProviderTimeout.code: ProviderTimeout.status,
    ProviderRateLimited.code: ProviderRateLimited.status,
}


class LiveTurn:
    """Runs one turn in a task of its own.

    Args:
        run: runs the turn with the given ``emit``.
        message_id: of the assistant's message.
        framer: new, for this turn.
        outbox: where frames go; `None` collects events only (see ``transcript``).
        record: the log line, filled in while the turn runs.
        transcript: collects the message, for ``on_finish`` and for answers in one piece.
        on_end: called once, when the turn is over, however it ended.
        deadline: loop time at which the turn ends with `TIME_LIMIT`.
        started: `time.perf_counter` when the request came in.

    Attributes:
        opened: done as soon as the turn has something to say; carries the exception of one that
            failed before.
        error: the `Error` that the turn ended with, if any.
    """

    def __init__(
        self,
        run: Callable[[Emit], Awaitable[None]],
        *,
        message_id: str,
        framer: Framer,
        outbox: Outbox | None,
        record: RequestLog,
        on_end: Callable[["LiveTurn"], None],
        started: float,
        transcript: Transcript | None = None,
        deadline: float | None = None,
    ) -> None:
        self._run_turn = run
        self._message_id = message_id
        self._framer = framer
        self._outbox = outbox
        self._on_end = on_end
        self._started = started
        self._limit: asyncio.Timeout | None = None
        self._stop_error: Error | None = None
        self._is_answering = False
        self._saw_token = False
        self._usage = Usage()  # of the steps so far: a turn that is cut off has no other
        self.record = record
        self.transcript = transcript
        if transcript is not None:
            framer.observe(transcript.add)
        self.error: Error | None = None
        loop = asyncio.get_running_loop()
        self._timer = None if deadline is None else loop.call_at(deadline, self.stop, TIME_LIMIT)
        self.opened: asyncio.Future[None] = loop.create_future()
        self.task = asyncio.create_task(self._run(), name=f"turn {message_id}")
        # Not a `finally` in the task: one that is cancelled before its first step never runs it.
        self.task.add_done_callback(self._done)

    def answer_anyway(self) -> None:
        """Say that the response has begun: from here on a failure is an event in the stream."""
        self._is_answering = True

    def stop(self, error: Error) -> None:
        """End the turn with ``error`` as soon as it can be; its stream ends properly."""
        self._stop_error = error
        if self._limit is None or self._limit.expired():
            return  # not begun, or already ending
        if self._outbox is None or not self._outbox.is_writing:
            self._limit.reschedule(0)
        # Else the client has to take the frame first: cut there, the stream would miss a piece.

    def abandon(self) -> None:
        """Cancel the turn because nobody listens any more."""
        if not self.task.done():
            self.record.client_left = True
            self.task.cancel()

    async def leave(self) -> None:
        """Abandon the turn and wait until it is gone."""
        if not self.task.done():
            self.abandon()
            await asyncio.wait([self.task])

    async def _run(self) -> None:
        limit = asyncio.timeout(None if self._stop_error is None else 0)
        try:
            async with limit:
                # Known only while it can be moved: a turn that already ends cannot be told to.
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
        if not self._saw_token:
            self._note_first(events)
        if len(events) > 1 or not isinstance(events[0], TextDelta):
            for event in events:
                self._note(event)
        if self._outbox is not None:
            await self._outbox.put(frame)
            if self._stop_error is not None and self._limit is not None:
                self.stop(self._stop_error)
                await asyncio.sleep(0)  # where it ends

    async def _fail(self, error: Exception) -> None:
        """End the turn for ``error``: as an exception while the status is open, else in-band."""
        if isinstance(error, ChatError):
            logger.warning("turn failed: %s: %s", type(error).__name__, error)
            event = Error(error.code, error.public_message)
        else:
            logger.error("turn failed by a defect", exc_info=error)
            event = DEFECT
        if self._is_answering or self.opened.done():
            await self._end(event)
        else:
            self._note(event)
            self.record.status = error.status if isinstance(error, ChatError) else 500
            self.opened.set_exception(error)

    async def _end(self, event: Error) -> None:
        if self._framer.state is State.DONE:
            return  # the turn was over before it could be told to end
        start = [Start(self._message_id)] if self._framer.state is State.IDLE else []
        await self._emit([*start, event])

    def _note_first(self, events: Sequence[Event]) -> None:
        if not self.opened.done():
            self.opened.set_result(None)
        if any(not isinstance(event, Start | StepStart) for event in events):
            self._saw_token = True
            self.record.first_token_ms = self._elapsed_ms()

    def _note(self, event: Event) -> None:
        record = self.record
        match event:
            case StepStart():
                record.steps += 1
            case StepEnd(_, usage):
                self._usage += usage
                self._note_usage(self._usage)
            case Finish(finish_reason, usage):
                record.finish_reason = finish_reason
                self._note_usage(usage)
            case Error(code):
                self.error = event
                record.finish_reason = "error"
                record.error_code = code
                if self._outbox is None:
                    record.status = _STATUS_OF_WHOLE.get(code, ProviderError.status)
            case _:
                pass  # in the middle of a step

    def _note_usage(self, usage: Usage) -> None:
        self.record.input_tokens = usage.input_tokens
        self.record.output_tokens = usage.output_tokens

    def _done(self, _: asyncio.Task[None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._outbox is not None:
            self._outbox.close()
        if not self.opened.cancel():
            self.opened.exception()  # seen, even if whoever waited for it has left
        self.record.duration_ms = self._elapsed_ms()
        self._on_end(self)

    def _elapsed_ms(self) -> float:
        return round((time.perf_counter() - self._started) * 1000, 3)
