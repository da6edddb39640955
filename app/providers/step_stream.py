"""One step: reads the model's stream, decodes it and emits the events."""

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from app.at_once import AtOnce, news
from app.errors import ProviderError
from app.events import Emit, Event, StepStart
from app.messages import StepRequest, ToolCallPart
from app.providers.openers.opener import ByteStream, is_pushed

logger = logging.getLogger(__name__)

# What a model's server may send without saying anything: comments, empty events, and those that
# repeat others, of which the longest is `sse.MAX_EVENT_BYTES`. The turn's time limit ends a server
# that is only slow.
MAX_SILENT_BYTES = 64 * 1024 * 1024
# What is decoded in one go, in bytes. So many tiny events take some hundredths of a second, in
# which no other turn goes on. One read of a model in its right mind brings less.
_MAX_GO_BYTES = 64 * 1024
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
        if is_pushed(stream):
            at_once = AtOnce()
            stream.listen(at_once.on_news)
            try:
                await at_once.run(_decode(stream, stream.take, decoder, emit))
            finally:
                stream.listen(None)
        else:
            await _decode(stream, None, decoder, emit)
        if decoder.failure is None:
            if not stream.is_at_end:
                await _drain(stream)
        else:
            logger.warning("the model's stream failed: %s", decoder.failure.log_text)
    finally:
        await stream.aclose()


async def _decode(
    stream: ByteStream, take: Callable[[], bytes | None] | None, decoder: Decoder, emit: Emit
) -> None:
    """Emit what the stream brings, until its end.

    Args:
        take: the stream's, if an `AtOnce` runs this.
    """
    silent_bytes = 0
    waiting = b""  # the rest of a long read
    while not decoder.done:
        if waiting:
            await asyncio.sleep(0)
        try:
            data = waiting or (await stream.read() if take is None else take())
        except ProviderError as error:
            events = decoder.break_off(error)
        else:
            if data is None:
                await news()
                continue
            waiting = b""
            if len(data) > _MAX_GO_BYTES:
                data, waiting = data[:_MAX_GO_BYTES], data[_MAX_GO_BYTES:]
            events = decoder.feed(data) if data else decoder.end()
            if not events:
                silent_bytes += len(data)
                if silent_bytes > MAX_SILENT_BYTES:
                    silence = ProviderError(f"{MAX_SILENT_BYTES} bytes came that say nothing")
                    await emit(decoder.break_off(silence))
                continue
        silent_bytes = 0
        await emit(events)


def call_ids(request: StepRequest) -> Collection[str]:
    """Return the ids of the tool calls in the history."""
    ids = {
        part.tool_call_id
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }
    return ids or ()  # an empty set takes 216 bytes for as long as the stream is open


async def _drain(stream: ByteStream) -> None:
    """Read to the end of the body, so that the next request can use the connection.

    The end often comes in a packet of its own after the last event. It is not worth a long wait.
    """
    with suppress(TimeoutError, ProviderError):
        async with asyncio.timeout(_DRAIN_S):
            while await stream.read():
                pass
