"""The counts of a running turn: its steps, tokens and time. This is the only place that counts."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from app.events import Error, Event, Finish, FinishReason, Start, StepStart, Usage
from app.turns.outcome import TurnOutcome


class TurnProgress:
    """Counts the steps, tokens and time of one turn.

    Args:
        model: the model's name, for the message's metadata.
        started: ``clock()`` when the request came in.
        clock: seconds, monotonic.

    Attributes:
        usage: the sum over all steps whose usage the model has reported.
        error: the `Error` that the turn ended with, if any.
        first_token_ms: from the request to the first event after the start, in milliseconds.
        awaits_token: nothing has come yet of the running step, or of the turn.
        step_first_s: from the call to the model to the first thing that it said in the running
            step, in seconds.
    """

    __slots__ = (
        "_clock",
        "_finish_reason",
        "_model",
        "_started",
        "_step_started",
        "_steps",
        "awaits_token",
        "error",
        "first_token_ms",
        "step_first_s",
        "usage",
    )

    def __init__(
        self, *, model: str, started: float, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._model = model
        self._started = started
        self._clock = clock
        self._steps = 0
        self._finish_reason: FinishReason | None = None
        self.usage = Usage()
        self.error: Error | None = None
        self.first_token_ms: float | None = None
        self._step_started = started
        self.awaits_token = True
        self.step_first_s: float | None = None

    def begin_step(self) -> None:
        """Note that the model is called now."""
        self._step_started = self._clock()
        self.awaits_token = True
        self.step_first_s = None

    def add_usage(self, usage: Usage) -> None:
        """Add what the model reported for one step."""
        self.usage += usage

    def note(self, event: Event) -> None:
        """Count an event that was sent. Text deltas may be left out unless a token is awaited."""
        if self.awaits_token and not isinstance(event, Start | StepStart):
            self.awaits_token = False
            self.step_first_s = self._clock() - self._step_started
            if self.first_token_ms is None:
                self.first_token_ms = self._elapsed_ms()
        match event:
            case StepStart():
                self._steps += 1
            case Finish(finish_reason):
                self._finish_reason = finish_reason
            case Error():
                self.fail(event)
            case _:
                pass  # in the middle of a step

    def fail(self, error: Error) -> None:
        """Note the error of a turn that failed before it had sent anything."""
        self.error = error
        self._finish_reason = "error"

    def metadata(self) -> Mapping[str, Any]:
        """Return the metadata of the finished message; unknown values are left out."""
        counted = self.usage.counted()
        return {
            "model": self._model,
            **({"usage": counted} if counted else {}),
            **({} if self.first_token_ms is None else {"timeToFirstTokenMs": self.first_token_ms}),
            "durationMs": self._elapsed_ms(),
        }

    def outcome(self, *, status: int, client_left: bool) -> TurnOutcome:
        """Return the outcome of the turn, which ends now."""
        return TurnOutcome(
            status=status,
            finish_reason=self._finish_reason,
            error=self.error,
            usage=self.usage,
            steps=self._steps,
            first_token_ms=self.first_token_ms,
            duration_ms=self._elapsed_ms(),
            client_left=client_left,
        )

    def _elapsed_ms(self) -> float:
        return round((self._clock() - self._started) * 1000, 3)
