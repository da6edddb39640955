"""A model behind OpenAI's Responses API, or behind a server that is compatible with it."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import ProviderRefused
from app.events import Emit
from app.messages import StepRequest
from app.providers.openai.responses_body import ReasoningSummary, responses_body
from app.providers.openai.responses_decoder import ResponsesDecoder
from app.providers.openers.opener import ByteStream, Opener
from app.providers.step_stream import call_ids, stream_events
from app.threads import Aside

logger = logging.getLogger(__name__)

# "The encrypted content gAAA… could not be verified" (it is of another organization or model),
# "Encrypted content is not supported with this model", "Item 'rs_1' of type 'reasoning' was …";
# "item['content'] is not an array" or "is empty" (llama.cpp, which wants the reasoning itself).
_REASONING_REFUSED = re.compile(
    r"encrypted.content|of type 'reasoning'|item\['content'\] is (?:not an array|empty)",
    re.IGNORECASE,
)


class OpenAIResponses:
    """A `Provider`. It owns ``opener``.

    The client keeps the conversation, which may be older than our current key or model. If the API
    therefore refuses the encrypted reasoning in it, the request is sent once more without.

    Args:
        builtin_tools: tools of the provider, in the API's form: ``{"type": "web_search"}``,
            ``{"type": "file_search", "vector_store_ids": […]}`` (see `BUILTIN_TOOLS`).
        reasoning_summary: asks for a summary of the reasoning; models that do not reason refuse it.
    """

    def __init__(
        self,
        opener: Opener,
        *,
        builtin_tools: Sequence[Mapping[str, Any]] = (),
        reasoning_summary: ReasoningSummary | None = None,
    ) -> None:
        self._opener = opener
        self._builtin_tools = builtin_tools
        self._reasoning_summary = reasoning_summary
        self._aside = Aside("encoding")

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        try:
            stream = await self._open(request, with_reasoning=True)
        except ProviderRefused as error:
            if not _REASONING_REFUSED.search(str(error)):
                raise
            logger.warning("asking again without the earlier reasoning: %s", error.log_text)
            stream = await self._open(request, with_reasoning=False)
        decoder = ResponsesDecoder(
            taken_ids=call_ids(request), max_output_tokens=request.max_output_tokens
        )
        await stream_events(stream, decoder, emit)

    async def aclose(self) -> None:
        await self._opener.aclose()

    async def _open(self, request: StepRequest, *, with_reasoning: bool) -> ByteStream:
        def encode() -> bytes:
            return responses_body(
                request,
                builtin_tools=self._builtin_tools,
                reasoning_summary=self._reasoning_summary,
                with_reasoning=with_reasoning,
            )

        body = await self._aside.run_if(request.is_large, encode, size=len(request.messages))
        return await self._opener.open("/responses", body)
