"""Bodies of chat completions that the scripted model accepts and refuses, as the real API does."""

import json
from typing import Any

import pytest

from app.scripted_model.chat_request import read_chat_request
from app.scripted_model.conversation import FinishedCall, ReceivedFile
from tests.scripted_model.client import Side, chat, schema_format, strict_tool, text_of, tool

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED = {"role": "assistant", "tool_calls": [CALL]}
OUTPUT = {"role": "tool", "tool_call_id": "c1", "content": "1"}


def image(url: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


@pytest.mark.parametrize(
    ("change", "param", "said"),
    [
        ({"model": ""}, "model", "length"),
        ({"model": 1}, "model", "Expected `str`"),
        ({"messages": []}, "messages", "length"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing required field"),
        ({"messages": [{"role": "bird", "content": ""}]}, "messages[0].role", "bird"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "length"),
        ({"messages": [USER, OUTPUT]}, "messages[1].tool_call_id", "answers none"),
        ({"messages": [ASKED]}, "messages", "missing: c1"),
        ({"messages": [ASKED, USER, OUTPUT]}, "messages[1]", "missing: c1"),
        ({"messages": [ASKED, OUTPUT, OUTPUT]}, "messages[2].tool_call_id", "answers none"),
        ({"messages": [{"role": "assistant"}]}, "messages[0].content", "needs 'content'"),
        ({"messages": [image("data:image/png,plain")]}, "messages[0].content", "base64 data URL"),
        ({"messages": [image("data:image/png;base64,A")]}, "messages[0].content", "valid base64"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
            "messages[0].content",
            "file_data",
        ),
        ({"stream_options": {"include_usage": True}}, "stream_options", "stream"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "both"),
        ({"max_tokens": 0}, "max_tokens", ">= 1"),
        ({"temperature": 3}, "temperature", "<= 2"),
        ({"tools": []}, "tools", "length"),
        ({"tools": [tool("with space")]}, "tools[0].function.name", "regex"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
            "tools[0].function.parameters",
            "'object'",
        ),
        (
            {"tools": [strict_tool({"type": "object", "properties": {}})]},
            "tools[0].function.parameters",
            "additionalProperties",
        ),
        (
            {"tools": [strict_tool({"type": "object"})]},
            "tools[0].function.parameters",
            "additionalProperties",
        ),
        (
            {
                "tools": [
                    strict_tool(
                        {
                            "type": "object",
                            "properties": {"a": {"anyOf": [{"type": "null"}]}},
                            "additionalProperties": False,
                        }
                    )
                ]
            },
            "tools[0].function.parameters",
            "lacks 'a'",
        ),
        (
            {"response_format": schema_format({"type": "array"}, strict=True)},
            "response_format.schema",
            "'object'",
        ),
        (
            {
                "response_format": schema_format(
                    {
                        "type": "object",
                        "properties": {"a": {"$ref": "#/$defs/A"}},
                        "required": ["a"],
                        "additionalProperties": False,
                        "$defs": {"A": {"type": "object", "properties": {}}},
                    },
                    strict=True,
                )
            },
            "response_format.schema",
            "('$defs', 'A')",
        ),
    ],
    ids=str,
)
async def test_a_bad_request_is_refused_with_the_place_that_is_wrong(
    side: Side, change: dict[str, Any], param: str | None, said: str
) -> None:
    response = await side.http.post("chat/completions", json={**chat("Hi"), **change})

    error = response.json()["error"]
    assert response.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert said in error["message"]


async def test_a_history_as_a_real_client_sends_it_is_accepted(side: Side) -> None:
    strict = strict_tool(
        {
            "type": "object",
            "properties": {
                "a": {"type": ["string", "null"]},
                "b": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"enum": [1]}}]},
            },
            "required": ["a", "b"],
            "additionalProperties": False,
        }
    )
    bare = {"type": "function", "function": {"name": "no_parameters"}}
    messages: list[Any] = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {**OUTPUT, "content": [{"type": "text", "text": "1"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "One."}]},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "user", "content": "Parrot"},
    ]

    chunks = await side.stream("", messages=messages, tools=[strict, bare])

    assert "turn 2" in text_of(chunks)


def body_of(**more: Any) -> bytes:
    return json.dumps({**chat("Hi"), **more}).encode()


def test_the_files_of_the_last_user_message_are_described() -> None:
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAAAA==", "format": "wav"}},
        {"type": "file", "file": {"filename": "a.txt", "file_data": "data:text/plain;base64,AA=="}},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]
    earlier = image("https://example.com/a.png")

    body = body_of(messages=[earlier, {"role": "user", "content": parts}])
    _, conversation = read_chat_request(body, attempt=1)

    assert conversation.user_texts == ["", "Look"]
    assert conversation.files == [
        ReceivedFile("image/png", 3),
        ReceivedFile("audio/wav", 4),
        ReceivedFile("text/plain", 1, "a.txt"),
        ReceivedFile("application/octet-stream", None, "file-1"),
    ]


def test_calls_before_the_last_user_message_are_no_round() -> None:
    again = [{**ASKED, "tool_calls": [{**CALL, "id": "c2"}]}, {**OUTPUT, "tool_call_id": "c2"}]

    body = body_of(messages=[USER, ASKED, OUTPUT, USER, ASKED, OUTPUT, *again])
    _, conversation = read_chat_request(body, attempt=3)

    finished = FinishedCall("f", "{}", "1")
    assert conversation.rounds == [[finished], [finished]]
    assert conversation.attempt == 3


@pytest.mark.parametrize(
    ("response_format", "schema"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "object"}),
        (schema_format({"type": "array"}), {"type": "array"}),
        ({"type": "json_schema", "json_schema": {"name": "n"}}, {}),
    ],
    ids=str,
)
def test_the_format_of_the_response_becomes_a_schema(response_format: Any, schema: Any) -> None:
    _, conversation = read_chat_request(body_of(response_format=response_format), attempt=1)

    assert conversation.schema == schema


def test_the_newer_limit_on_tokens_is_the_same_as_the_older() -> None:
    limits = [
        read_chat_request(body_of(**more), attempt=1)[1].max_tokens
        for more in ({}, {"max_tokens": 3}, {"max_completion_tokens": 4})
    ]

    assert limits == [None, 3, 4]
