"""How the tests of the scripted model ask its Responses API, through the `openai` package."""

from typing import Any

from openai.types.responses import Response, ResponseStreamEvent

from tests.scripted_model.client import Side

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


async def stream(side: Side, said: Any, **more: Any) -> list[ResponseStreamEvent]:
    """Return every event of the stream for the input ``said``."""
    events = await side.openai.responses.create(model="scripted", input=said, stream=True, **more)
    return [event async for event in events]


async def whole(side: Side, said: Any, **more: Any) -> Response:
    """Return the response for the input ``said``, without a stream."""
    response: Response = await side.openai.responses.create(model="scripted", input=said, **more)
    return response


def types_of(events: list[ResponseStreamEvent]) -> list[str]:
    """Return the types, with neighbours of the same type as one."""
    types = [event.type for event in events]
    return [kind for place, kind in enumerate(types) if types[place - 1 : place] != [kind]]


def last_response(events: list[ResponseStreamEvent]) -> Response:
    """Return the response in the last event."""
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete", "response.failed")
    assert isinstance(last.response, Response)
    return last.response
