"""Tells the app what requests of the Lambda Web Adapter do not say by themselves.

That is which of them are direct invocations, and which part of a path is the stage of an HTTP API.

The adapter posts an event that did not come over HTTP to ``/events``. It puts the event's request
context into a header, ``null`` if there is none, and replaces any such header of the client. So a
client that posts to ``/events`` over HTTP cannot pass for a direct invocation.

Source: lambda_web_adapter 1.0.0-rc1, src/lib.rs (`fetch_response`); seen on the wire in
tests/aws/test_adapter.py.
"""

import msgspec
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.aws.asgi_extensions import DIRECT

_EVENTS_PATH = "/events"
_CONTEXT = "x-amzn-request-context"
_NO_STAGE = "$default"


class _Context(msgspec.Struct):
    """What is read of a request context. HTTP APIs and Function URLs have ``http`` in it."""

    stage: str = _NO_STAGE
    http: dict[str, object] | None = None


_read_context = msgspec.json.Decoder(_Context).decode


class BehindAdapter:
    """Marks direct invocations and stages as our own runtime does. An ASGI app around another.

    Only for an app that nothing but the adapter can reach.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_event(scope):
            if scope["type"] == "http" and (stage := _stage(scope)):
                scope = {**scope, "root_path": stage}
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
    return Headers(scope=scope).getlist(_CONTEXT) == ["null"]


def _stage(scope: Scope) -> str | None:
    """Return the folder that an HTTP API has put in front of the path, if there is one."""
    context = Headers(scope=scope).get(_CONTEXT)
    if context is None or '"stage"' not in context:
        return None
    try:
        read = _read_context(context)
    except msgspec.DecodeError:
        return None
    if read.http is None or read.stage == _NO_STAGE:
        return None
    folder, path = f"/{read.stage}", scope["path"]
    return folder if path == folder or path.startswith(f"{folder}/") else None
