"""The request body. The openai package's own parameter types judge it."""

import json
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from app.messages import (
    FilePart,
    Message,
    Part,
    ReasoningPart,
    Role,
    StepRequest,
    TextPart,
    ToolCallPart,
    ToolOutputPart,
    ToolSpec,
)
from app.providers.openai.chat_body import MaxTokensField, chat_body, max_tokens_field

PARAMETERS: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsStreaming)


def body_of(*messages: Message, **fields: Any) -> Any:
    body = chat_body(StepRequest(model="m", messages=messages, **fields))
    PARAMETERS.validate_json(body)
    return json.loads(body)


def messages_of(role: Role, *parts: Part) -> Any:
    return body_of(Message(role, parts))["messages"]


def test_a_plain_question() -> None:
    assert body_of(Message("user", [TextPart("Hello")])) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_every_option_has_its_field() -> None:
    schema = {"type": "object", "properties": {}}

    body = body_of(
        tools=[ToolSpec("f", "Does f.", schema), ToolSpec("g", "Does g.", schema, strict=True)],
        temperature=0.0,
        max_output_tokens=9,
        response_schema=("recipe", schema),
    )

    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "f", "description": "Does f.", "parameters": schema},
        },
        {
            "type": "function",
            "function": {
                "name": "g",
                "description": "Does g.",
                "parameters": schema,
                "strict": True,
            },
        },
    ]
    assert body["temperature"] == 0.0
    assert body["max_completion_tokens"] == 9
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "recipe", "schema": schema},
    }


def test_servers_other_than_openais_get_the_older_limit() -> None:
    request = StepRequest(model="m", messages=[], max_output_tokens=9)

    body = json.loads(chat_body(request, max_tokens="max_tokens"))

    assert body["max_tokens"] == 9
    assert "max_completion_tokens" not in body


@pytest.mark.parametrize(
    ("base_url", "field"),
    [
        (None, "max_completion_tokens"),
        ("", "max_completion_tokens"),
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1/", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
        ("https://api.openai.com.example/v1", "max_tokens"),
        ("localhost", "max_tokens"),
    ],
)
def test_the_address_tells_which_limit_a_server_knows(
    base_url: str | None, field: MaxTokensField
) -> None:
    assert max_tokens_field(base_url) == field


def test_system_and_user_text_is_a_plain_string() -> None:
    parts = [TextPart("a"), TextPart("b")]

    assert messages_of("system", *parts) == [{"role": "system", "content": "a\nb"}]
    assert messages_of("user", *parts) == [{"role": "user", "content": "a\nb"}]


def test_the_users_files_are_parts() -> None:
    messages = messages_of(
        "user",
        TextPart("Look"),
        FilePart("image/png", "data:image/png;base64,AA=="),
        FilePart("image/jpeg", "https://example.com/a.jpg", "a.jpg"),
        FilePart("application/pdf", "data:application/pdf;base64,AA==", "a.pdf"),
        FilePart("text/csv", "data:text/csv;base64,AA=="),
        FilePart("application/pdf", "https://example.com/b.pdf", "b.pdf"),
        FilePart("audio/wav", "https://example.com/b.wav"),
        ReasoningPart("not the user's"),
    )

    assert messages[0]["content"] == [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        },
        {
            "type": "file",
            "file": {"filename": "file.csv", "file_data": "data:text/csv;base64,AA=="},
        },
        {"type": "text", "text": "Attached b.pdf (application/pdf): https://example.com/b.pdf"},
        {"type": "text", "text": "Attached file (audio/wav): https://example.com/b.wav"},
    ]


def test_an_assistants_calls_and_their_outputs() -> None:
    messages = body_of(
        Message(
            "assistant",
            [
                ReasoningPart("dropped"),
                TextPart("Let me "),
                TextPart("see."),
                FilePart("image/png", "data:dropped"),
                ToolCallPart("a", "f", {"x": 1}),
            ],
        ),
        Message(
            "tool",
            [
                ToolOutputPart("a", "f", {"y": [1]}),
                ToolOutputPart("b", "f", "plain", is_error=True),
                TextPart("dropped"),
            ],
        ),
        Message("assistant", [ToolCallPart("c", "f", {})]),
    )["messages"]

    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    other = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert messages == [
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": '{"y":[1]}'},
        {"role": "tool", "tool_call_id": "b", "content": "plain"},
        {"role": "assistant", "content": None, "tool_calls": [other]},
    ]


def test_an_assistant_message_with_nothing_to_say_is_left_out() -> None:
    assert messages_of("assistant", ReasoningPart("dropped")) == []
    assert messages_of("assistant", TextPart("Hi")) == [{"role": "assistant", "content": "Hi"}]


def test_lone_surrogates_are_replaced_and_pairs_joined() -> None:
    messages = body_of(
        Message("user", [TextPart("a\ud800b\ud83d\ude00")]),
        Message("assistant", [ToolCallPart("a", "f", {"\udc00": [1, None, "\udc00"]})]),
        Message("tool", [ToolOutputPart("a", "f", ["\udc00"])]),
    )["messages"]

    assert messages[0]["content"] == "a\ufffdb😀"
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == '{"\ufffd":[1,null,"\ufffd"]}'
    assert messages[2]["content"] == '["\ufffd"]'
