"""One assistant turn: step after step until the model has answered.

A turn pushes: it awaits ``emit`` with the events as they come and knows nothing of protocols,
responses or clients. Who runs it (`app.live_turn`) decides when it has to end.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from app.events import (
    Event,
    Finish,
    FinishReason,
    Start,
    StepEnd,
    Usage,
)
from app.messages import Message, StepRequest, TextPart
from app.providers import Emit, Provider


class TurnRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn needs to know. ``message_id`` is the old one when a message is continued."""

    message_id: str
    model: str
    messages: Sequence[Message]
    system_prompt: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    max_steps: int = 8
    response_schema: tuple[str, Mapping[str, Any]] | None = None


async def run_turn(
    request: TurnRequest,
    emit: Emit,
    *,
    provider: Provider,
    about: Callable[[Usage], Mapping[str, Any] | None],
) -> None:
    """Run the turn to its end.

    Args:
        request: what is asked.
        emit: awaited with the events, in order.
        provider: the model.
        about: makes the metadata of the finished message from the usage of all steps.

    Raises:
        ProviderError: the model could not be called. Whether that becomes an HTTP status or an
            `Error` event is not for the turn to say.
    """
    await _Turn(request, emit, provider, about).run()


class _Turn:
    def __init__(
        self,
        request: TurnRequest,
        emit: Emit,
        provider: Provider,
        about: Callable[[Usage], Mapping[str, Any] | None],
    ) -> None:
        self._request = request
        self._emit = emit
        self._provider = provider
        self._about = about
        self._messages = list(request.messages)
        if request.system_prompt is not None:
            self._messages.insert(0, Message("system", (TextPart(request.system_prompt),)))
        self._usage = Usage()
        self._start: list[Event] = [Start(request.message_id)]

    async def run(self) -> None:
        request = self._request
        step = StepRequest(
            model=request.model,
            messages=self._messages,
            temperature=request.temperature,
            max_output_tokens=request.max_output_tokens,
            response_schema=request.response_schema,
        )
        await self._provider.stream_step(step, self._forward)

    async def _forward(self, events: Sequence[Event]) -> None:
        """Pass on what one network read of the model brought."""
        if self._start:
            events = [*self._start, *events]
            self._start.clear()
        last = events[-1]
        if isinstance(last, StepEnd):
            self._usage += last.usage
            events = [*events, self._finish(last.finish_reason)]
        await self._emit(events)

    def _finish(self, finish_reason: FinishReason) -> Finish:
        return Finish(finish_reason, self._usage, self._about(self._usage))
