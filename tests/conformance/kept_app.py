"""Plays chats that the server keeps, without a model: what is stored, handed out and believed.

An ASGI app beside the real one. `GET /kept/NAME/ID?sdk=` hands out the chat of that name, which is
made at the first such request. A request that is posted there is planned for as in production. The
answer says ``as stored`` if the model would be asked the same with what the client has posted as
with what is stored, else what the difference is. `GET /kept/NAME/ID/…/stream` follows the last turn
from its beginning.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.chats.earlier import owed_calls
from app.chats.plan import Run, plan
from app.chats.shown import chat_body
from app.chats.whole_message import WholeMessage
from app.events import Event, Finish, Start, StepEnd, StepStart, TextDelta, ToolOutputAvailable
from app.messages import ChatRequest, Message, Part
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect, encoder_for, negotiate
from app.requests.envelope import parse
from app.store.store import Chat, ChatSummary, UIMessage
from app.turns.transcript import Transcript

_STEP = {"type": "step-start"}
_HI = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}
_PNG = "data:image/png;base64,AAAA"


def _call(call_id: str, state: str, **more: Any) -> dict[str, Any]:
    made = {"type": "tool-pick", "toolCallId": call_id, "state": state, "input": {"of": 3}}
    return {**made, **more}


def _answer(*parts: object) -> dict[str, Any]:
    return {"id": "a1", "role": "assistant", "parts": list(parts), "metadata": {"model": "m"}}


_EVERYTHING = [
    {
        **_HI,
        "parts": [
            *_HI["parts"],
            {"type": "file", "mediaType": "image/png", "url": _PNG, "filename": "a.png"},
        ],
    },
    _answer(
        _STEP,
        {
            "type": "reasoning",
            "text": "Hm.",
            "state": "done",
            "providerMetadata": {"deltaline": {"signature": "c2ln"}},
        },
        {"type": "text", "text": "Let me see.", "state": "done"},
        _call("c1", "output-available", output={"__proto__": 1}),
        _call("c2", "input-available"),
        _STEP,
        {"type": "source-url", "sourceId": "s1", "url": "https://example.com", "title": "Page"},
        {"type": "file", "mediaType": "image/png", "url": _PNG},
        {"type": "text", "text": "Two.", "state": "done"},
    ),
]
_CHATS: Mapping[str, Sequence[UIMessage]] = {
    "everything": _EVERYTHING,
    "client-tool": [_HI, _answer(_STEP, _call("c1", "input-available"))],
    "approval": [_HI, _answer(_STEP, _call("c1", "approval-requested", approval={"id": "ask"}))],
}


class _Kept:
    """One chat, and the events of its last turn."""

    def __init__(self, messages: Sequence[UIMessage]) -> None:
        self.messages = messages
        self.log: list[Event] = []
        self.dialect = Dialect("ui")

    def chat(self) -> Chat:
        summary = ChatSummary(id="c", title="Hi", created=1, updated=1)
        return Chat(summary=summary, revision=1, messages=self.messages, turn=None)

    def run(self, found: Run, said: str, framer: Framer) -> bytes:
        """Run a turn that says ``said`` and return its bytes."""
        transcript = Transcript(found.message_id, found.continued)
        self.log = list(found.earlier)

        def note(event: Event) -> None:
            transcript.add(event)
            self.log.append(event)

        framer.observe(note)
        results = [ToolOutputAvailable(one, "done") for one in owed_calls(found.earlier)]
        step: list[Event] = [StepStart(), TextDelta(said), StepEnd("stop"), Finish("stop")]
        frames = framer.frame([Start(found.message_id), *results, *step])
        kept = [*self.messages[: found.keep], *found.messages]
        if found.continued is not None:
            kept.pop()
        self.messages = [*kept, transcript.message()]
        return frames


def create_kept_app(*, new_id: Callable[[str], str]) -> Starlette:
    """Return the app; ``new_id`` makes unique ids with a prefix."""
    chats: dict[str, _Kept] = {}

    def kept(request: Request) -> _Kept:
        name, chat_id = request.path_params["name"], request.path_params["id"]
        return chats.setdefault(chat_id, _Kept(_CHATS[name]))

    async def show(request: Request) -> Response:
        body = chat_body(kept(request).chat(), sdk=request.query_params.get("sdk"))
        return Response(body, media_type="application/json")

    async def post(request: Request) -> Response:
        chat = kept(request)
        asked = parse(await request.body())
        assert isinstance(asked, ChatRequest)
        chat.dialect = negotiate(asked.shape, body=(asked.protocol, asked.sdk))
        encoder = encoder_for(chat.dialect, now=time.time)
        found = plan(chat.chat(), msgspec.structs.replace(asked, chat_id="c"), new_id=new_id)
        assert isinstance(found, Run)
        posted, stored = _plain(asked.messages), _plain(found.asked.messages)
        said = f"{len(found.messages)} added to {found.keep}, "
        said += "as stored" if posted == stored else f"{posted}, but {stored}"
        framer = Framer(encoder, owed_calls(found.earlier))
        return Response(
            chat.run(found, said, framer),
            media_type=encoder.media_type,
            headers=dict(encoder.headers),
        )

    async def follow(request: Request) -> Response:
        chat = kept(request)
        encoder = encoder_for(chat.dialect, now=time.time)
        frames = Framer(encoder).frame(WholeMessage().take(chat.log))
        return Response(frames, media_type=encoder.media_type, headers=dict(encoder.headers))

    return Starlette(
        routes=[
            Route("/kept/{name}/{id}", show, methods=["GET"]),
            Route("/kept/{name}/{id}", post, methods=["POST"]),
            Route("/kept/{name}/{id}/{chat}/stream", follow, methods=["GET"]),
        ]
    )


def _plain(messages: Sequence[Message]) -> list[Any]:
    return [(message.role, [_of(part) for part in message.parts]) for message in messages]


def _of(part: Part) -> Any:
    return (type(part).__name__, msgspec.to_builtins(part))
