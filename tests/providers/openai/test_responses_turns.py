"""Whole turns through the app with `CHAT_API=responses`, against the scripted model."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from app.protocols.ui_message_stream import METADATA_KEY
from app.scripted_model.control import Control
from tests.chatting import Chat, chatting, data_body, ui_body


@pytest.fixture
async def chat(model: str) -> AsyncIterator[Chat]:
    settings: dict[str, Any] = {
        "api": "responses",
        "model": "gpt-5-mini",
        "tools": ("get_weather",),
        "builtin_tools": ("web_search", "code_interpreter"),
    }
    async with chatting(model, **settings) as running:
        yield running


def chunks(response: httpx2.Response) -> list[dict[str, Any]]:
    """Return the chunks of a UI message stream that ended as it should."""
    lines = [line for line in response.text.split("\n\n") if line and not line.startswith(":")]
    *datas, last = [line.removeprefix("data: ") for line in lines]
    assert last == "[DONE]"
    return [json.loads(data) for data in datas]


def of_type(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [chunk for chunk in found if chunk["type"] == kind]


async def test_a_tool_of_ours_is_run_and_its_output_sent_back(chat: Chat, control: Control) -> None:
    question = 'scenario: call tool=get_weather arguments=\'{"city": "Bergen"}\''

    found = chunks(await chat.post(ui_body(question)))

    (output,) = of_type(found, "tool-output-available")
    assert len(of_type(found, "start-step")) == 2
    assert found[-1] == {**found[-1], "type": "finish", "finishReason": "stop"}
    *_, call, result = control.requests[-1].body["input"]
    assert call["type"] == "function_call"
    assert call["call_id"] == result["call_id"] == output["toolCallId"]
    assert json.loads(result["output"]) == output["output"]


async def test_what_the_models_side_ran_is_shown_as_its_own(chat: Chat, control: Control) -> None:
    found = chunks(await chat.post(ui_body("scenario: search query=rain")))

    (start,) = of_type(found, "tool-input-start")
    (call,) = of_type(found, "tool-input-available")
    (output,) = of_type(found, "tool-output-available")
    assert start["providerExecuted"] is call["providerExecuted"] is True
    assert output["providerExecuted"] is True
    assert (call["toolName"], call["input"]["query"]) == ("web_search", "rain")
    assert len(of_type(found, "source-url")) == 2
    assert len(of_type(found, "start-step")) == 1
    offered = [tool["type"] for tool in control.requests[-1].body["tools"]]
    assert offered == ["function", "web_search", "code_interpreter"]


async def test_older_clients_get_the_text_and_its_sources(chat: Chat) -> None:
    response = await chat.post(data_body("scenario: search"))

    lines = response.text.splitlines()
    sources = [json.loads(line[2:]) for line in lines if line.startswith("h:")]
    assert [source["sourceType"] for source in sources] == ["url", "url"]
    assert any(line.startswith("0:") for line in lines)
    assert json.loads(lines[-1].removeprefix("d:"))["finishReason"] == "stop"


async def test_reasoning_travels_to_the_client_and_back_to_the_model(
    chat: Chat, control: Control
) -> None:
    question = ui_body("scenario: reasoning")
    found = chunks(await chat.post(question))
    (end,) = of_type(found, "reasoning-end")
    thought = "".join(chunk["delta"] for chunk in of_type(found, "reasoning-delta"))
    text = "".join(chunk["delta"] for chunk in of_type(found, "text-delta"))
    parts = [
        {"type": "step-start"},
        {"type": "reasoning", "text": thought, "providerMetadata": end["providerMetadata"]},
        {"type": "text", "text": text},
    ]
    history = [*question["messages"], {"id": "a1", "role": "assistant", "parts": parts}]
    again = ui_body("scenario: text")

    await chat.post({**again, "messages": [*history, *again["messages"]]})

    assert METADATA_KEY in end["providerMetadata"]
    _, reasoning, said, _ = control.requests[-1].body["input"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": thought}]
    assert reasoning["encrypted_content"].startswith("scripted-")
    assert said == {"type": "message", "role": "assistant", "content": text}


async def test_a_run_that_fails_ends_the_stream_properly(chat: Chat) -> None:
    found = chunks(await chat.post(ui_body("scenario: failed after=2")))

    (error,) = of_type(found, "error")
    assert error["errorText"].startswith("The model's server failed")
    assert of_type(found, "text-end")


async def test_the_models_status_is_ours_before_the_first_byte(chat: Chat) -> None:
    response = await chat.post(ui_body("scenario: error status=400"))

    assert response.status_code == 400
    assert "too long" in response.json()["error"]


async def test_the_built_in_model_speaks_it_without_a_key() -> None:
    async with chatting(None, provider="scripted", api="responses") as chat:
        found = chunks(await chat.post(ui_body("scenario: search")))

    assert of_type(found, "tool-output-available")
