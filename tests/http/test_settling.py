"""What is done before Lambda freezes the process, and when."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.aws.asgi_extensions import AFTERWARDS
from app.http.settling import Settling
from app.lambda_runtime.asgi_call import AsgiHandler
from app.lambda_runtime.lambda_call import FunctionConfig
from app.main import create_lean_app
from app.settings import Settings
from app.turns.outcome import TurnLabels, TurnOutcome
from tests.chatting import data_body, logged
from tests.lambda_events import function_url
from tests.lambda_runtime.recording_runtime_api import running


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})


class Order:
    """What was sent and done, in order."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    async def send(self, message: Message) -> None:
        self.seen.append((message.get("body"), message.get("more_body", False)))

    async def settle(self) -> None:
        self.seen.append("settled")


async def _nothing() -> Message:
    raise AssertionError("nobody asks")


async def test_our_runtime_is_handed_what_is_left_to_do() -> None:
    order, afterwards = Order(), list[Any]()
    scope = {"type": "http", "extensions": {AFTERWARDS: afterwards}}

    await Settling(_app, settle=order.settle)(scope, _nothing, order.send)
    sent = list(order.seen)
    for later in afterwards:
        await later()

    assert sent == [(None, False), (b"a", True), (b"b", False)]
    assert order.seen[len(sent) :] == ["settled"]


@pytest.mark.parametrize("extensions", [{}, {"extensions": None}, {"extensions": {"x": {}}}])
async def test_behind_the_adapter_only_the_end_of_the_body_waits(extensions: Any) -> None:
    order = Order()

    await Settling(_app, settle=order.settle)({"type": "http", **extensions}, _nothing, order.send)

    assert order.seen == [(None, False), (b"a", True), (b"b", True), "settled", (b"", False)]


async def test_what_fails_afterwards_spoils_nothing() -> None:
    order = Order()

    async def fail() -> None:
        raise ValueError("no")

    with logged() as log:
        await Settling(_app, settle=fail)({"type": "http"}, _nothing, order.send)

    assert order.seen[-1] == (b"", False)
    assert [record.getMessage() for record in log.records] == ["what follows a response has failed"]


async def test_a_lifespan_is_left_alone() -> None:
    order = Order()

    await Settling(_app, settle=order.settle)({"type": "lifespan"}, _nothing, order.send)

    assert order.seen == []


async def test_on_lambda_the_application_is_told_before_the_process_is_frozen(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")
    asked_meanwhile: list[bool] = []

    async def on_turn(labels: TurnLabels, outcome: TurnOutcome) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await api.waiting.wait()
        asked_meanwhile.append(api.waiting.is_set())

    app = create_lean_app(Settings(openai_base_url=model, openai_api_key="x"), on_turn=on_turn)
    async with running(AsgiHandler(app, FunctionConfig())) as api:
        body = json.dumps(data_body("scenario: say text=Hi"))
        await api.invoke(function_url(body=body)).completed()
        # The client has its answer by now, and waits for nothing.
        was_told = len(asked_meanwhile)
        await api.waiting.wait()

    assert (was_told, asked_meanwhile) == (0, [False])
