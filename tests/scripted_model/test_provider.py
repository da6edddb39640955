"""The scripted model as a provider of the server."""

import asyncio
from collections.abc import Sequence

from app.events import Event, TextDelta
from app.messages import Message, StepRequest, TextPart
from app.providers.openai.chat import OpenAIChat
from app.providers.openers.opener import Opener
from app.scripted_model.provider import ScriptedProvider

REQUEST = StepRequest(
    model="scripted", messages=[Message("user", [TextPart("scenario: text tokens=3 delay=0")])]
)


async def test_steps_side_by_side_go_to_one_server() -> None:
    openers: list[Opener] = []
    said: list[str] = []

    def speak(opener: Opener) -> OpenAIChat:
        openers.append(opener)
        return OpenAIChat(opener)

    async def emit(events: Sequence[Event]) -> None:
        said.extend(event.text for event in events if isinstance(event, TextDelta))

    provider = ScriptedProvider(speak)
    try:
        await asyncio.gather(*(provider.stream_step(REQUEST, emit) for _ in range(2)))
    finally:
        await provider.aclose()

    assert len(openers) == 1
    assert sorted("".join(said)) == sorted("word0 word1 word2" * 2)


async def test_closing_before_the_first_step_is_no_error() -> None:
    provider = ScriptedProvider(OpenAIChat)

    await provider.aclose()
    await provider.aclose()
