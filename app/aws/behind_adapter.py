"""Tells the app which requests of the Lambda Web Adapter are direct invocations.

The adapter posts an event that did not come over HTTP to ``/events``. It puts the event's request
context into a header, ``null`` if there is none, and replaces any such header of the client. So a
client that posts to ``/events`` over HTTP cannot pass for a direct invocation.

Source: lambda_web_adapter 1.0.0-rc1, src/lib.rs (`fetch_response`); seen on the wire in
tests/aws/test_adapter.py.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.aws.asgi_extensions import DIRECT

_EVENTS_PATH = "/events"


class BehindAdapter:
    """Marks direct invocations in the way of our own runtime. An ASGI app around another.

    Only for an app that nothing but the adapter can reach.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_event(scope):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        # A front's event that the adapter did not recognize: its client still needs the token.
        if b'"requestContext"' not in body:
            scope = {**scope, "extensions": {**(scope.get("extensions") or {}), DIRECT: {}}}

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)


def _is_event(scope: Scope) -> bool:
    if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", _EVENTS_PATH):
        return False
    return Headers(scope=scope).getlist("x-amzn-request-context") == ["null"]
