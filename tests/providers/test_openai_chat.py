"""The provider, over a real socket."""

from collections.abc import Sequence

from app.events import Event, StepEnd, StepStart, TextDelta, Usage
from app.messages import Message, StepRequest, TextPart
from app.providers.openai_chat import OpenAIChat
from app.providers.opener_aiohttp import AiohttpOpener
from tests.providers.upstream import answer, serve

REQUEST = StepRequest(model="m", messages=[Message("user", [TextPart("Hello")])])
HEL = b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
LO = b'data: {"choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


async def test_an_answer_comes_as_one_list_of_events_per_network_read() -> None:
    reads: list[Sequence[Event]] = []

    async def emit(events: Sequence[Event]) -> None:
        reads.append(events)

    async with serve(answer(HEL + LO + STOP + USAGE + DONE)) as upstream:
        provider = OpenAIChat(AiohttpOpener(base_url=upstream.url))
        await provider.stream_step(REQUEST, emit)
        await provider.aclose()

    assert [list(events) for events in reads] == [
        [StepStart()],
        [TextDelta("Hello"), StepEnd("stop", Usage(3, 2))],
    ]
