"""One step: reads the model's stream, decodes it and emits the events."""

import asyncio
import logging
from contextlib import suppress
from typing import Protocol

from app.errors import ProviderError
from app.events import Emit, Event, StepStart
from app.messages import StepRequest, ToolCallPart
from app.providers.openers.opener import ByteStream

logger = logging.getLogger(__name__)

_STEP_START = (StepStart(),)
_DRAIN_S = 0.1


class Decoder(Protocol):
    """Decodes one stream; does no I/O.

    The last event that it returns is `StepEnd` or `Error`. The first is not `StepStart`, which is
    emitted when the response headers are in.

    Attributes:
        done: the last event has been returned; anything that follows is ignored.
        failure: why the last event is `Error`, in the provider's words, for the log only.
    """

    done: bool
    failure: ProviderError | None

    def feed(self, data: bytes) -> list[Event]:
        """Return the events of one network read. Neighbouring deltas are joined."""
        ...

    def end(self) -> list[Event]:
        """Return the events that the end of the response's body completes."""
        ...

    def break_off(self, error: ProviderError) -> list[Event]:
        """Return the last events of a stream that failed with ``error``.

        If everything but the formal end had come, the step ends well.
        """
        ...


async def stream_events(stream: ByteStream, decoder: Decoder, emit: Emit) -> None:
    """Emit the events of one step, from `StepStart` on, and close ``stream``."""
    try:
        await emit(_STEP_START)
        while not decoder.done:
            try:
                data = await stream.read()
            except ProviderError as error:
                events = decoder.break_off(error)
            else:
                events = decoder.feed(data) if data else decoder.end()
            if events:
                await emit(events)
        if decoder.failure is None:
            if not stream.is_at_end:
                await _drain(stream)
        else:
            logger.warning("the model's stream failed: %s", decoder.failure.log_text)
    finally:
        await stream.aclose()


def call_ids(request: StepRequest) -> set[str]:
    """Return the ids of the tool calls in the history."""
    return {
        part.tool_call_id
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }


async def _drain(stream: ByteStream) -> None:
    """Read to the end of the body, so that the next request can use the connection.

    The end often comes in a packet of its own after the last event. It is not worth a long wait.
    """
    with suppress(TimeoutError, ProviderError):
        async with asyncio.timeout(_DRAIN_S):
            while await stream.read():
                pass
