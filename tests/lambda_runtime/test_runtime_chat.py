"""The chat backend under the runtime, with the scripted model behind it."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from app.lambda_runtime.asgi_call import AsgiHandler
from app.lambda_runtime.lambda_call import FunctionConfig
from app.main import create_app
from app.scripted_model.control import Control
from app.settings import Settings
from tests.chatting import data_body, ui_body
from tests.lambda_events import function_url
from tests.lambda_runtime.recording_runtime_api import SentEvent, running


def _chat(base_url: str | None, **settings: Any) -> AsgiHandler:
    app = create_app(Settings(openai_base_url=base_url, **settings))
    return AsgiHandler(app, FunctionConfig(name="chat"))


async def _until(sent: SentEvent, wanted: bytes) -> None:
    """Read chunks until ``wanted`` has arrived."""
    while wanted not in sent.posted.body:
        await sent.next_chunk()


@pytest.mark.parametrize("is_http", [False, True])
async def test_words_leave_while_the_model_still_speaks(
    model: str, control: Control, is_http: bool
) -> None:
    body = ui_body("scenario: stall after=3 gate=middle")

    async with running(_chat(model)) as api:
        sent = api.invoke(function_url(body=json.dumps(body)) if is_http else body)
        await _until(sent, b'"type":"text-delta"')
        assert not sent.is_done
        control.gate("middle").open()
        posted = await sent.completed()

    assert posted.body.endswith(b"data: [DONE]\n\n")
    assert posted.trailers == {}
    if is_http:
        prelude, _ = posted.http()
        assert ("x-vercel-ai-ui-message-stream", "v1") in prelude.headers
    else:
        assert posted.headers["content-type"].startswith("text/event-stream")
        assert posted.body.startswith(b"data: ")


async def test_every_direct_shape_gets_its_own_protocol(model: str) -> None:
    wrapped = {"body": json.dumps(data_body("Hello"))}
    shapes = [{"action": "chat", "payload": {"text": "Hello"}}, wrapped, data_body("Hello")]

    async with running(_chat(model)) as api:
        all_posted = [await api.invoke(shape).completed() for shape in shapes]

    for posted in all_posted:
        assert posted.body.startswith(b"f:")
        assert b'\nd:{"finishReason":"stop"' in posted.body


async def test_a_failure_in_mid_stream_is_told_twice(model: str) -> None:
    async with running(_chat(model)) as api:
        posted = await api.invoke(ui_body("scenario: error-inside after=3")).completed()

    assert posted.route == "response"
    assert b'data: {"type":"error"' in posted.body
    assert posted.error_type == "Deltaline.provider_error"


async def test_a_turn_ends_itself_before_the_deadline(model: str) -> None:
    settings = {"deadline_margin_s": 0.5}
    body = ui_body("scenario: stall after=3 gate=never")

    async with running(_chat(model, **settings)) as api:
        posted = await api.invoke(body, timeout_s=1.0).completed()

    assert posted.route == "response"
    assert b'data: {"type":"error"' in posted.body
    assert posted.body.endswith(b"data: [DONE]\n\n")
    # The application's own error code, not the runtime's.
    assert posted.error_type is not None
    assert posted.error_type.startswith("Deltaline.")
    assert posted.error_type != "Deltaline.Timeout"


async def test_the_models_refusal_is_a_real_status(model: str) -> None:
    body = json.dumps(ui_body("scenario: error status=401"))

    async with running(_chat(model)) as api:
        posted = await api.invoke(function_url(body=body)).completed()

    prelude, refusal = posted.http()
    assert prelude.status_code == 502
    assert json.loads(refusal)["success"] is False
    assert posted.trailers == {}


async def test_without_a_key_the_response_says_what_is_missing() -> None:
    async with running(_chat(None)) as api:
        direct = await api.invoke({"action": "chat", "payload": {"text": "Hi"}}).completed()
        http = await api.invoke(function_url(body=json.dumps(ui_body("Hi")))).completed()

    wanted = b'{"success":false,"error":"OpenAI API key not configured"}'
    assert (direct.route, direct.body) == ("response", wanted)
    prelude, body = http.http()
    assert (prelude.status_code, body) == (500, wanted)


async def test_a_warm_up_starts_no_turn(model: str, control: Control) -> None:
    async with running(_chat(model)) as api:
        posted = await api.invoke({"source": "aws.events", "detail": {}}).completed()

    assert posted.route == "response"
    assert posted.json()["success"] is True
    assert not control.requests


async def test_who_invokes_the_function_itself_needs_no_token(model: str) -> None:
    settings = {"auth_token": SecretStr("token-1234")}
    asked = {"action": "chat", "payload": {"text": "scenario: say text=Yes."}}

    async with running(_chat(model, **settings)) as api:
        posted = await api.invoke(asked).completed()
        scheduled = await api.invoke({"source": "aws.events"}).completed()

    assert b'0:"Yes"' in posted.body
    assert scheduled.json() == {"success": True, "ignored": "warm_up"}


@pytest.mark.parametrize("path", ["/events", "/api/chat"])
async def test_who_comes_over_http_needs_the_token_on_every_path(
    model: str, control: Control, path: str
) -> None:
    settings = {"auth_token": SecretStr("token-1234")}
    body = json.dumps({"action": "chat", "payload": {"text": "Hi"}})

    async with running(_chat(model, **settings)) as api:
        posted = await api.invoke(function_url(path=path, body=body)).completed()

    prelude, refusal = posted.http()
    assert prelude.status_code == 401
    assert json.loads(refusal)["success"] is False
    assert not control.requests
