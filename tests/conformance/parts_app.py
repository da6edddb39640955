"""Plays turns that no model of ours can make: sources, files, data parts, reasoning proofs.

An ASGI app beside the real one. A request for `/parts/NAME` is parsed as a chat request, and the
turn of that name goes through the real grammar and the real encoder of whatever dialect the
request asks for, so that the bytes are those of production.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from app.events import (
    Abort,
    Data,
    Error,
    Event,
    File,
    Finish,
    Metadata,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    Usage,
)
from app.messages import ChatRequest, ReasoningPart
from app.protocols.framing import Framer
from app.protocols.negotiation import encoder_for, negotiate
from app.requests.envelope import parse

# One pixel.
_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_USAGE = Usage(7, 3)
# Between two groups of events: long enough for a client to render each.
_PAUSE_S = 0.05

Turn: TypeAlias = Callable[[ChatRequest], Sequence[Sequence[Event]]]


def _reasoning_proof(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    proofs = [
        [part.text, part.signature, part.redacted]
        for message in asked.messages
        for part in message.parts
        if isinstance(part, ReasoningPart)
    ]
    if proofs:
        return [[TextDelta(json.dumps(proofs))]]
    return [
        [ReasoningDelta("Let me ")],
        [ReasoningDelta("think."), ReasoningSignature("proof==")],
        [ReasoningRedacted("c2VjcmV0")],
        [TextDelta("Done.")],
    ]


def _sources(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    return [
        [Source("s1", url="https://example.com/a?b=1&c=2", title="A page")],
        [Source("s2", url="https://example.com/untitled")],
        [Source("s3", media_type="application/pdf", title="A paper", filename="paper.pdf")],
        [TextDelta("As they say.")],
    ]


def _files(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    return [[TextDelta("Here: ")], [File("image/png", f"data:image/png;base64,{_PNG}")]]


def _data(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    return [
        [Data("progress", {"percent": 10}, id="p1")],
        [Data("note", {"text": "gone soon"}, transient=True)],
        [TextDelta("Working")],
        [Data("progress", {"percent": 100}, id="p1")],
        [Data("unnamed", None)],
    ]


def _metadata(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    return [
        [Metadata({"model": "m1", "nested": {"a": 1}})],
        [TextDelta("Text")],
        [Metadata({"nested": {"b": 2}})],
    ]


def _provider_tool(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    return [
        [ToolInputAvailable("call-1", "web_search", {"query": "deltas"}, executor="provider")],
        [ToolOutputAvailable("call-1", {"pages": 2})],
        [TextDelta("Found.")],
    ]


def _input_replaced(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    """What the model wrote is replaced by what validation made of it."""
    return [
        [ToolInputStart("call-1", "release"), ToolInputDelta("call-1", '{"env": " PR')],
        [ToolInputDelta("call-1", 'OD ", "force": "yes"}')],
        [ToolInputAvailable("call-1", "release", {"env": "prod", "force": True})],
        [ToolOutputAvailable("call-1", {"released": "prod"})],
        [TextDelta("Released.")],
    ]


def _weather(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    call = ToolInputAvailable("call-1", "get_weather", {"city": "Oslo"})
    return [[call], [ToolOutputAvailable("call-1", {"city": "Oslo"})]]


def _text(asked: ChatRequest) -> Sequence[Sequence[Event]]:
    return [[TextDelta("Half an ")], [TextDelta("answer")]]


TURNS: Mapping[str, Turn] = {
    "reasoning-proof": _reasoning_proof,
    "sources": _sources,
    "files": _files,
    "data": _data,
    "metadata": _metadata,
    "provider-tool": _provider_tool,
    "input-replaced": _input_replaced,
    "abort": _text,
    "error-after-tool": _weather,
    "abort-after-tool": _weather,
}
_LAST: Mapping[str, Sequence[Event]] = {
    "abort": [Abort("The user asked for it.")],
    "abort-after-tool": [Abort("The user asked for it.")],
    # What is sent when the model cannot be called for a second step.
    "error-after-tool": [StepEnd("tool-calls"), Error("provider_error", "The model is gone.")],
}


def create_parts_app(
    *,
    new_id: Callable[[], str],
    pause_s: float = _PAUSE_S,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Starlette:
    """Return the app.

    Args:
        new_id: makes the ids of messages.
        pause_s: between two groups of events.
        pause: takes these seconds.
    """

    async def play(request: Request) -> StreamingResponse:
        name = request.path_params["name"]
        body = await request.body()
        content_type = request.headers.get("content-type")
        asked = parse(body, content_type=content_type, max_bytes=1_000_000)
        assert isinstance(asked, ChatRequest)
        dialect = negotiate(asked.shape, body=(asked.protocol, asked.sdk))
        encoder = encoder_for(dialect, now=time.time)
        framer = Framer(encoder)
        begin: list[Event] = [Start(asked.continues or new_id()), StepStart()]
        end: list[Event] = [StepEnd("stop", _USAGE), Finish("stop", _USAGE)]
        last = _LAST.get(name, end)

        async def frames() -> AsyncIterator[bytes]:
            for events in (begin, *TURNS[name](asked), last):
                yield framer.frame(events)
                await pause(pause_s)

        return StreamingResponse(
            frames(), media_type=encoder.media_type, headers=dict(encoder.headers)
        )

    return Starlette(routes=[Route("/parts/{name}", play, methods=["POST"])])
