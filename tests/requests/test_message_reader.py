"""`app.requests.message_reader`: which messages fit, and what a part is."""

import pytest

from app.errors import InvalidMessages
from app.requests.client_message import (
    DynamicTool,
    File,
    Image,
    InlineFile,
    Reasoning,
    StepStart,
    Text,
    Tool,
    ToolInvocation,
)
from app.requests.message_reader import read_invocation, read_message, read_part, read_tool_call
from tests.requests.posting import (
    HI,
    START,
    assistant,
    invocation,
    invocation_part,
    old_assistant,
    refusal,
    text,
    tool_part,
)

ROLES = "'user', 'assistant', 'system', 'developer', 'tool', 'data' or 'function'"
PNG = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"content": "Hi"}, "messages[1].role is missing."),
        (
            {"role": "bot", "content": "Hi"},
            f"messages[1].role must be {ROLES}.",
        ),
        ({"role": "user"}, "messages[1] has neither parts nor content."),
        ({"role": "user", "content": "Hi", "id": 1}, "messages[1].id must be a string."),
        ({"role": "user", "parts": "Hi"}, "messages[1].parts must be a list."),
        (
            {"role": "user", "parts": [text("Hi"), "Hi"]},
            "messages[1].parts[1] must be an object with a type.",
        ),
        (
            {"role": "user", "parts": [{"type": 1}]},
            "messages[1].parts[0] must be an object with a type.",
        ),
        ({"role": "user", "parts": [{"type": "text"}]}, "messages[1].parts[0].text is missing."),
        (
            {"role": "user", "parts": [{"type": "text", "text": 1}]},
            "messages[1].parts[0].text must be a string.",
        ),
        (
            {"role": "user", "content": [{"type": "text", "text": 1}]},
            "messages[1].content[0].text must be a string.",
        ),
        (
            {"role": "user", "parts": [{"type": "file", "mediaType": "a/b", "url": "ftp://a"}]},
            "messages[1].parts[0].url must be an https or data URL.",
        ),
        (
            {"role": "user", "parts": [{"type": "file", "mediaType": "a/b", "url": "data:x"}]},
            "messages[1].parts[0].url is a broken data URL.",
        ),
        (
            {"role": "user", "parts": [{"type": "file", "mediaType": "a/b"}]},
            "messages[1].parts[0].url is missing.",
        ),
        (
            {"role": "user", "parts": [{"type": "file", "mediaType": "a/b", "url": 1}]},
            "messages[1].parts[0].url must be a string.",
        ),
        (
            {"role": "user", "content": "Hi", "experimental_attachments": [{"url": "x"}]},
            "messages[1].experimental_attachments[0].url must be an https or data URL.",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": PNG}]},
            "messages[1].content[0].image_url must be an object.",
        ),
        (
            assistant({"type": "file", "mimeType": "a/b", "data": "A"}),
            "messages[1].parts[0].data must be base64.",
        ),
        (
            assistant({"type": "tool-x", "state": "output-available"}),
            "messages[1].parts[0].toolCallId is missing.",
        ),
        (
            assistant({"type": "dynamic-tool", "toolCallId": "c", "state": "x"}),
            "messages[1].parts[0].toolName is missing.",
        ),
        (
            assistant(tool_part("output-available", "")),
            "messages[1].parts[0].toolCallId must not be empty.",
        ),
        (
            assistant(tool_part("approval-responded", approval={"id": "a", "approved": "yes"})),
            "messages[1].parts[0].approval.approved must be true or false.",
        ),
        (
            assistant({"type": "tool-invocation", "toolInvocation": {"toolCallId": "c"}}),
            "messages[1].parts[0].toolInvocation.toolName is missing.",
        ),
        (
            old_assistant("", {"toolName": "x"}),
            "messages[1].toolInvocations[0].toolCallId is missing.",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {}}]},
            "messages[1].tool_calls[0].function.name is missing.",
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "function": {"name": "x", "arguments": None}}],
            },
            "messages[1].tool_calls[0].function.arguments must be a string.",
        ),
        (
            {"role": "user", "content": {"type": "text"}},
            "messages[1].content must be a string or a list of parts.",
        ),
        (
            assistant({"type": "reasoning", "details": [{}, {"signature": 1}]}),
            "messages[1].parts[0].details[1].signature must be a string.",
        ),
        ({"role": "\ud800", "content": "Hi"}, f"messages[1].role must be {ROLES}."),
        ({"role": [], "content": "Hi"}, f"messages[1].role must be {ROLES}."),
    ],
)
def test_a_message_that_does_not_fit_is_refused_naming_the_place(
    message: object, sentence: str
) -> None:
    error = refusal({"messages": [HI, message]})

    assert isinstance(error, InvalidMessages)
    assert error.public_message == sentence


def test_of_many_errors_the_first_is_told_without_the_clients_content() -> None:
    parts = [{"type": "text", "text": ["secret" * 100]}] * 100

    error = refusal({"messages": [{"role": "user", "parts": parts}] * 10})

    assert error.public_message == "messages[0].parts[0].text must be a string."


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "text", "text": "Hi"}, Text),
        ({"type": "reasoning"}, Reasoning),
        (START, StepStart),
        ({"type": "file", "mediaType": "image/png", "url": PNG}, File),
        ({"type": "file", "mimeType": "image/png", "data": "AAAA"}, InlineFile),
        ({"type": "image_url", "image_url": {"url": PNG}}, Image),
        (tool_part("output-available"), Tool),
        ({**tool_part("call"), "type": "dynamic-tool", "toolName": "mcp"}, DynamicTool),
        (invocation_part("call"), ToolInvocation),
        ({"type": "tool-invocation"}, dict),
        ({"type": "tool-"}, dict),
        ({"type": "tool-", "state": "call"}, dict),
        ({"type": "tool-call", "toolCallId": "c1"}, dict),
        ({"type": "source-url", "url": 1}, dict),
    ],
)
def test_each_part_tells_by_itself_what_it_is(part: dict[str, object], kind: type) -> None:
    message = read_message({"role": "assistant", "parts": [part]})

    assert message.parts is not None
    assert type(message.parts[0]) is kind


def test_a_tool_part_has_its_name_in_its_type_or_beside_it() -> None:
    part = tool_part("output-available")

    by_type = read_part(part)
    beside = read_part({**part, "type": "dynamic-tool", "toolName": "mcp"})

    assert isinstance(by_type, Tool)
    assert by_type.name == "get_weather"
    assert isinstance(beside, DynamicTool)
    assert beside.name == "mcp"


@pytest.mark.parametrize(
    ("part", "has_result"),
    [
        (invocation("result"), True),
        (invocation("call", result=None), True),
        (invocation("call"), False),
        (invocation("partial-call"), False),
    ],
)
def test_an_invocation_has_a_result_if_its_state_or_a_key_says_so(
    part: dict[str, object], has_result: bool
) -> None:
    assert read_invocation(part).has_result is has_result


@pytest.mark.parametrize(("extra", "arguments"), [({"arguments": "{}"}, "{}"), ({}, "")])
def test_the_arguments_of_a_call_of_openai_may_be_absent(
    extra: dict[str, str], arguments: str
) -> None:
    call = read_tool_call({"id": "c1", "function": {"name": "get_weather", **extra}})

    assert (call.id, call.name, call.arguments) == ("c1", "get_weather", arguments)


def test_unknown_keys_are_ignored() -> None:
    message = read_message({**HI, "createdAt": 1, "metadata": {"a": 1}})

    assert message == read_message(HI)


@pytest.mark.parametrize(
    "said", [{"content": ""}, {"parts": []}, {"experimental_attachments": [{"url": PNG}]}]
)
def test_a_user_may_say_something_in_any_of_three_places(said: dict[str, object]) -> None:
    assert read_message({"role": "user", **said}).role == "user"


def test_an_assistant_may_say_nothing() -> None:
    assert read_message({"role": "assistant"}).content is None
