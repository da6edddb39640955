"""Sets a trap on every streamed answer of an ASGI app."""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.conformance.traps import Answer, Trap

_FRAME_ENDS = {b"text/event-stream": b"\n\n", b"text/plain": b"\n"}


class Spoiler:
    """ASGI middleware."""

    def __init__(self, trap: Trap, app: ASGIApp) -> None:
        self._trap = trap
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        request: bytes | None = body
        answer = Answer(_continues(body))
        end = b""  # of a frame, once it is known that the answer has any
        rest = b""

        async def receive_again() -> Message:
            nonlocal request
            if request is None:
                return await receive()
            whole, request = request, None
            return {"type": "http.request", "body": whole, "more_body": False}

        async def spoil(message: Message) -> None:
            nonlocal end, rest
            if message["type"] == "http.response.start":
                media_type = dict(message["headers"]).get(b"content-type", b"")
                end = _FRAME_ENDS.get(media_type.partition(b";")[0], b"")
            elif end:
                *frames, rest = (rest + message.get("body", b"")).split(end)
                spoilt = b"".join(self._trap.spoil(frame + end, answer) for frame in frames)
                message = {**message, "body": spoilt}
            await send(message)

        await self._app(scope, receive_again, spoil)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _continues(body: bytes) -> bool:
    posted = json.loads(body or b"{}")
    last = posted.get("message") or (posted.get("messages") or [{}])[-1]
    return bool(last.get("role") == "assistant")
