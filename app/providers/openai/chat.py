"""A model behind the chat completions API of OpenAI or of any server that is compatible with it."""

from app.events import Emit
from app.messages import StepRequest
from app.providers.openai.chat_body import MaxTokensField, chat_body
from app.providers.openai.chat_decoder import ChatDecoder
from app.providers.openers.opener import Opener
from app.providers.step_stream import call_ids, stream_events
from app.threads import Aside


class OpenAIChat:
    """A `Provider`. It owns ``opener``.

    Args:
        max_tokens: the field that limits the answer's length; see `max_tokens_field`.
    """

    def __init__(
        self, opener: Opener, *, max_tokens: MaxTokensField = "max_completion_tokens"
    ) -> None:
        self._opener = opener
        self._max_tokens = max_tokens
        self._aside = Aside("encoding")

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        if request.is_large:
            body = await self._aside.run(
                lambda: chat_body(request, max_tokens=self._max_tokens),
                size=len(request.messages),
            )
        else:
            body = chat_body(request, max_tokens=self._max_tokens)
        stream = await self._opener.open("/chat/completions", body)
        del body  # it may be long, and so may the stream
        await stream_events(stream, ChatDecoder(taken_ids=call_ids(request)), emit)

    async def aclose(self) -> None:
        await self._opener.aclose()
