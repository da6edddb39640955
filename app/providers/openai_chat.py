"""A model behind the chat completions API of OpenAI or of any server that is compatible with it."""

import asyncio
import logging
from contextlib import suppress

from app.errors import ProviderError
from app.events import StepStart
from app.messages import StepRequest, ToolCallPart
from app.providers import Emit
from app.providers.openai_chat_body import MaxTokensField, chat_body
from app.providers.openai_chat_decoder import ChatDecoder
from app.providers.openers import ByteStream, Opener

logger = logging.getLogger(__name__)

_STEP_START = (StepStart(),)
_DRAIN_S = 0.1


class OpenAIChat:
    """A `Provider`; it owns ``opener``.

    Args:
        max_tokens: the field for the limit on the answer, see `max_tokens_field`.
    """

    def __init__(
        self, opener: Opener, *, max_tokens: MaxTokensField = "max_completion_tokens"
    ) -> None:
        self._opener = opener
        self._max_tokens = max_tokens

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        body = chat_body(request, max_tokens=self._max_tokens)
        stream = await self._opener.open("/chat/completions", body)
        try:
            await emit(_STEP_START)
            decoder = ChatDecoder(taken_ids=_call_ids(request))
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
                await _drain(stream)
            else:
                logger.warning("the model's stream failed: %s", decoder.failure)
        finally:
            await stream.aclose()

    async def aclose(self) -> None:
        await self._opener.aclose()


def _call_ids(request: StepRequest) -> set[str]:
    return {
        part.tool_call_id
        for message in request.messages
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }


async def _drain(stream: ByteStream) -> None:
    """Read to the end of the body, so that the next request can use the connection.

    The end often comes in a packet of its own behind ``[DONE]``, but it is not worth waiting for.
    """
    with suppress(TimeoutError, ProviderError):
        async with asyncio.timeout(_DRAIN_S):
            while await stream.read():
                pass
