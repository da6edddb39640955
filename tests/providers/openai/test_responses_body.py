"""The request body. The openai package's own parameter types judge it."""

import json
from typing import Any

import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
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
from app.providers.openai.responses_body import BUILTIN_TOOLS, responses_body
from app.providers.openai.responses_proof import ReasoningProof, read_proof, write_proof

PARAMETERS: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsStreaming)
PROOF = write_proof(ReasoningProof("rs_1", "gAAA"))
OTHER_PROOF = write_proof(ReasoningProof("rs_2", "gBBB"))


def validated(body: bytes) -> Any:
    # pydantic checks the items of an iterable only when they are read.
    json.dumps(PARAMETERS.dump_python(PARAMETERS.validate_json(body), mode="json"))
    return json.loads(body)


def body_of(*messages: Message, model: str = "m", **fields: Any) -> Any:
    return validated(responses_body(StepRequest(model=model, messages=messages, **fields)))


def input_of(role: Role, *parts: Part) -> Any:
    return body_of(Message(role, parts))["input"]


def test_a_plain_question() -> None:
    assert body_of(Message("user", [TextPart("Hello")])) == {
        "model": "m",
        "input": [{"type": "message", "role": "user", "content": "Hello"}],
        "stream": True,
        "store": False,
    }


def test_every_option_has_its_field() -> None:
    schema = {"type": "object", "properties": {}}
    request = StepRequest(
        model="m",
        messages=[],
        tools=[ToolSpec("f", "Does f.", schema), ToolSpec("g", "Does g.", schema, strict=True)],
        temperature=0.0,
        max_output_tokens=16,
        response_schema=("recipe", schema),
    )

    body = validated(responses_body(request, reasoning_summary="auto"))

    f = {"type": "function", "name": "f", "description": "Does f.", "parameters": schema}
    g = {"type": "function", "name": "g", "description": "Does g.", "parameters": schema}
    assert body["tools"] == [{**f, "strict": False}, {**g, "strict": True}]
    assert body["temperature"] == 0.0
    assert body["max_output_tokens"] == 16
    assert body["reasoning"] == {"summary": "auto"}
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "recipe", "schema": schema, "strict": False}
    }


def test_tools_of_the_models_side_come_behind_ours_and_tell_all_they_know() -> None:
    request = StepRequest(model="m", messages=[], tools=[ToolSpec("f", "", {"type": "object"})])
    file_search = {"type": "file_search", "vector_store_ids": ["vs_1"]}

    body = validated(responses_body(request, builtin_tools=[*BUILTIN_TOOLS.values(), file_search]))

    assert [tool["type"] for tool in body["tools"]] == [
        "function",
        "web_search",
        "code_interpreter",
        "image_generation",
        "file_search",
    ]
    assert body["include"] == [
        "web_search_call.action.sources",
        "code_interpreter_call.outputs",
        "file_search_call.results",
    ]


def test_tools_of_the_models_side_go_by_their_types() -> None:
    assert [tool["type"] for tool in BUILTIN_TOOLS.values()] == list(BUILTIN_TOOLS)


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("o3", True),
        ("o4-mini-2025-04-16", True),
        ("openai/o3-mini", True),
        ("gpt-5", True),
        ("gpt-5.1-codex", True),
        ("my-gpt-5-mini", True),
        ("openai/gpt-oss-120b", True),
        ("gpt-5-chat-latest", False),
        ("gpt-4o-mini", False),
        ("gpt-4.1", False),
        ("gpt-35-turbo", False),
        ("chatgpt-4o-latest", False),
        ("llama3", False),
    ],
)
def test_only_models_that_reason_are_asked_for_encrypted_reasoning(
    model: str, reasons: bool
) -> None:
    asked = body_of(model=model).get("include", [])

    assert asked == (["reasoning.encrypted_content"] if reasons else [])


def test_system_and_user_text_is_a_plain_string() -> None:
    parts = [TextPart("a"), TextPart("b")]

    assert input_of("system", *parts) == [{"type": "message", "role": "system", "content": "a\nb"}]
    assert input_of("user", *parts) == [{"type": "message", "role": "user", "content": "a\nb"}]


def test_the_users_files_are_parts() -> None:
    items = input_of(
        "user",
        TextPart("Look"),
        FilePart("image/png", "data:image/png;base64,AA=="),
        FilePart("image/jpeg", "https://example.com/a.jpg", "a.jpg"),
        FilePart("application/pdf", "data:application/pdf;base64,AA==", "a.pdf"),
        FilePart("text/csv", "data:text/csv;base64,AA=="),
        FilePart("application/pdf", "https://example.com/b.pdf", "b.pdf"),
        ReasoningPart("not the user's"),
    )

    assert items[0]["content"] == [
        {"type": "input_text", "text": "Look"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AA=="},
        {"type": "input_image", "detail": "auto", "image_url": "https://example.com/a.jpg"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,AA==",
        },
        {"type": "input_file", "filename": "file.csv", "file_data": "data:text/csv;base64,AA=="},
        {"type": "input_file", "file_url": "https://example.com/b.pdf"},
    ]


def test_an_assistants_calls_and_their_outputs() -> None:
    items = body_of(
        Message(
            "assistant",
            [
                TextPart("Let me see."),
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
        Message("assistant", [TextPart(""), TextPart("Done.")]),
    )["input"]

    assert items == [
        {"type": "message", "role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{"x":1}'},
        {"type": "function_call_output", "call_id": "a", "output": '{"y":[1]}'},
        {"type": "function_call_output", "call_id": "b", "output": "plain"},
        {"type": "message", "role": "assistant", "content": "Done."},
    ]


def test_encrypted_reasoning_goes_back_in_front_of_what_it_led_to() -> None:
    call = ToolCallPart("a", "f", {})

    items = input_of(
        "assistant",
        ReasoningPart("Shown.", signature=PROOF),
        TextPart("Said."),
        ReasoningPart("", redacted=OTHER_PROOF),
        call,
    )

    summary = [{"type": "summary_text", "text": "Shown."}]
    assert items == [
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAA"},
        {"type": "message", "role": "assistant", "content": "Said."},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
    ]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([ReasoningPart("No proof.")], id="nothing to prove it"),
        pytest.param([ReasoningPart("", signature="of another provider")], id="not ours"),
        pytest.param([ReasoningPart("", signature='{"id":"rs_1"}')], id="not whole"),
        pytest.param([ReasoningPart("", signature="[" * 100_000)], id="not JSON"),
    ],
)
def test_reasoning_that_is_not_the_apis_own_stays_here(parts: list[Part]) -> None:
    assert input_of("assistant", *parts, TextPart("Hi")) == [
        {"type": "message", "role": "assistant", "content": "Hi"}
    ]


def test_reasoning_that_led_nowhere_stays_here() -> None:
    thought = ReasoningPart("", redacted=PROOF)
    other = ReasoningPart("", redacted=OTHER_PROOF)

    assert input_of("assistant", thought) == []
    items = input_of("assistant", thought, other, TextPart("Hi"))
    assert [item.get("id") for item in items] == ["rs_2", None]


def test_reasoning_can_be_left_out_altogether() -> None:
    message = Message("assistant", [ReasoningPart("", signature=PROOF), TextPart("Hi")])
    request = StepRequest(model="o3", messages=[message])

    body = validated(responses_body(request, with_reasoning=False))

    assert body["input"] == [{"type": "message", "role": "assistant", "content": "Hi"}]
    assert "include" not in body


def test_a_proof_comes_back_as_it_went() -> None:
    assert read_proof(PROOF) == ReasoningProof("rs_1", "gAAA")


def test_lone_surrogates_are_replaced() -> None:
    items = body_of(
        Message("user", [TextPart("a\ud800b")]),
        Message("assistant", [ToolCallPart("a", "f", {"x": "\udc00"})]),
        Message("tool", [ToolOutputPart("a", "f", ["\udc00"])]),
    )["input"]

    assert items[0]["content"] == "a\ufffdb"
    assert items[1]["arguments"] == '{"x":"\ufffd"}'
    assert items[2]["output"] == '["\ufffd"]'
