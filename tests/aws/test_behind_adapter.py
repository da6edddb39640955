"""Which requests from the Lambda Web Adapter count as direct invocations."""

import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.aws.asgi_extensions import DIRECT
from app.aws.behind_adapter import BehindAdapter

NO_CONTEXT = [(b"x-amzn-request-context", b"null")]


async def _seen(scope: dict[str, object], *pieces: bytes) -> tuple[Scope, bytes]:
    """Call an app behind the adapter; return the scope and the body that it gets."""
    seen: list[tuple[Scope, bytes]] = []
    waiting: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    waiting += [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
        seen.append((scope, body))

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    known = {"type": "http", "method": "POST", "path": "/events", "headers": NO_CONTEXT}
    await BehindAdapter(app)({**known, **scope}, receive, send)
    return seen[0]


async def test_an_event_without_a_request_context_is_a_direct_invocation() -> None:
    scope, body = await _seen({"extensions": {"other": {}}}, b'{"action":', b'"chat"}')

    assert scope["extensions"] == {"other": {}, DIRECT: {}}
    assert body == b'{"action":"chat"}'


@pytest.mark.parametrize(
    ("path", "context", "root"),
    [
        ("/prod/api/chat", {"stage": "prod", "http": {}}, "/prod"),
        ("/prod", {"stage": "prod", "http": {}}, "/prod"),
        ("/production", {"stage": "prod", "http": {}}, None),
        ("/api/chat", {"stage": "prod", "http": {}}, None),
        ("/prod/api/chat", {"stage": "prod"}, None),
        ("/prod/api/chat", {"http": {}}, None),
        ("/$default/x", {"stage": "$default", "http": {}}, None),
        ("/prod/x", {"stage": 5, "http": {}}, None),
        ("/prod/x", None, None),
    ],
)
async def test_the_stage_of_an_http_api_is_no_part_of_the_apps_path(
    path: str, context: object, root: str | None
) -> None:
    header = (b"x-amzn-request-context", json.dumps(context).encode())

    scope, _ = await _seen({"path": path, "headers": [header]}, b"{}")

    assert (scope["path"], scope.get("root_path")) == (path, root)


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": [(b"x-amzn-request-context", b'{"http":{}}')]},
        {"headers": []},
        {"headers": [*NO_CONTEXT, (b"x-amzn-request-context", b"{}")]},
        {"path": "/api/chat"},
        {"method": "GET"},
        {"type": "lifespan"},
    ],
    ids=["a-front", "no-header", "two-headers", "another-path", "another-method", "no-request"],
)
async def test_anything_else_is_not(changes: dict[str, object]) -> None:
    scope, body = await _seen(changes, b"{}")

    assert "extensions" not in scope
    assert body == b"{}"


async def test_an_event_of_a_front_that_the_adapter_did_not_know_is_not() -> None:
    scope, body = await _seen({}, b'{"requestContext":{},"body":"{}"}')

    assert "extensions" not in scope
    assert body == b'{"requestContext":{},"body":"{}"}'
