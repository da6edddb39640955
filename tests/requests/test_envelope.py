"""`app.requests.envelope`: every shape of a request, and what stands beside its messages."""

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import (
    BodyTooLarge,
    InvalidJson,
    InvalidMessages,
    InvalidOption,
    RequestError,
    UnknownAction,
    UnknownRequestShape,
    UnsupportedMediaType,
)
from app.messages import (
    ChatRequest,
    Message,
    TextPart,
    ToolCallPart,
    ToolOutputPart,
    ToolRequest,
)
from app.requests.envelope import parse
from tests.requests.posting import chat, refusal, to_bytes, tool
from tests.requests.test_body import any_text, json_values

HI = [Message("user", [TextPart("Hi")])]
HI_3_4 = {"role": "user", "content": "Hi"}
HI_4 = {"role": "user", "content": "Hi", "parts": [{"type": "text", "text": "Hi"}]}
HI_5 = {"role": "user", "id": "m1", "parts": [{"type": "text", "text": "Hi"}]}
DIRECT = {"action": "chat", "payload": {"text": "Hi"}}


def wrapped(value: object, **extra: object) -> dict[str, object]:
    return {"version": "2.0", "body": to_bytes(value).decode(), **extra}


def wrapped_in_base64(value: object) -> dict[str, object]:
    return {"body": b64encode(to_bytes(value)).decode(), "isBase64Encoded": True}


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ({"messages": [HI_3_4]}, "ai-sdk-3.4"),
        ({"messages": [HI_3_4], "data": {"n": 1}}, "ai-sdk-3.4"),
        ({"message": HI_3_4}, "ai-sdk-3.4"),
        ({"message": "Hi"}, "ai-sdk-3.4"),
        ({"id": "c1", "messages": [HI_3_4]}, "ai-sdk-4"),
        ({"messages": [HI_4]}, "ai-sdk-4"),
        ({"id": "c1", "message": HI_4}, "ai-sdk-4"),
        ({"id": "c1", "messages": [HI_5], "trigger": "submit-message"}, "ai-sdk-5"),
        ({"messages": [HI_5]}, "ai-sdk-5"),
        ({"id": "c1", "message": HI_5}, "ai-sdk-5"),
        ({"message": HI_5, "id": "c1", "trigger": "submit-message", "messageId": "m1"}, "ai-sdk-5"),
        ({"trigger": "submit-message", "messages": [HI_4]}, "ai-sdk-5"),
        ({"prompt": "Hi"}, "prompt"),
        ({"prompt": "Hi", "text": "not this"}, "prompt"),
        ({"messages": [HI_5], "action": "mine", "body": {}, "prompt": "", "args": {}}, "ai-sdk-5"),
        (DIRECT, "direct"),
        ({"action": "chat-stream", "payload": {"prompt": "Hi"}}, "direct"),
        ({"action": "chat-v2-stream", "payload": {"messages": [HI_3_4]}}, "direct"),
        ({"action": "chat", "payload": {"messages": [HI_4]}}, "direct"),
        ({"action": "chat", "payload": {"messages": [HI_5], "trigger": "x"}}, "direct"),
        ({"action": "chat", "payload": {"message": HI_5}}, "direct"),
        ({"action": "chat", "payload": {"message": "Hi"}}, "direct"),
        ({"action": "chat", "payload": {"text": "Hi"}, "messages": 1, "body": 2}, "direct"),
        (wrapped(DIRECT), "direct"),
        (wrapped(DIRECT, isBase64Encoded=False), "direct"),
        (wrapped(DIRECT, isBase64Encoded=None), "direct"),
        (wrapped({"messages": [HI_4]}), "ai-sdk-4"),
        (wrapped_in_base64({"messages": [HI_5]}), "ai-sdk-5"),
        ({"body": {"prompt": "Hi"}}, "prompt"),
    ],
)
def test_every_shape_of_a_chat_is_recognised(body: object, shape: str) -> None:
    request = chat(body)

    assert request.shape == shape
    assert request.messages == HI


@pytest.mark.parametrize(
    "body",
    [
        {
            "action": "tool",
            "payload": {"name": "add", "args": {"a": 1}, "context": {"user_id": "u"}},
        },
        {"name": "add", "args": {"a": 1}, "context": {"user_id": "u"}},
        wrapped({"name": "add", "args": {"a": 1}, "context": {"user_id": "u"}, "tool_config": {}}),
        wrapped_in_base64({"name": "add", "args": {"a": 1}, "context": {"user_id": "u"}}),
    ],
)
def test_every_shape_of_a_tool_call_is_recognised(body: object) -> None:
    assert tool(body) == ToolRequest(
        name="add", args={"a": 1}, context={"user_id": "u"}, tool_config={}
    )


@pytest.mark.parametrize(
    "body",
    [
        {"action": "tool", "payload": {}},
        {"args": None, "name": None, "context": None, "tool_config": None},
    ],
)
def test_everything_in_a_tool_call_may_be_left_out(body: object) -> None:
    assert tool(body) == ToolRequest(name=None, args={}, context={}, tool_config={})


def test_a_tool_call_keeps_its_configuration_and_how_it_wants_the_response() -> None:
    request = tool(
        {"args": {}, "tool_config": {"unit": "C"}, "protocol": "ndjson", "stream": False}
    )

    assert request.tool_config == {"unit": "C"}
    assert request.protocol == "ndjson"
    assert request.stream is False


@pytest.mark.parametrize(
    ("body", "is_stream", "stores_files"),
    [
        ({"tool_config": {"stream": False}}, False, True),
        ({"tool_config": {"stream": True}}, True, False),
        ({"tool_config": {"stream": "no"}}, True, False),
        ({"tool_config": {"stream": 0}}, True, False),
        ({"tool_config": {"stream": False}, "stream": True}, True, True),
        ({"tool_config": {"stream": True}, "stream": False}, False, False),
        ({"tool_config": {}}, True, False),
    ],
)
def test_an_agent_says_in_the_configuration_that_it_wants_one_object(
    body: dict[str, Any], is_stream: bool, stores_files: bool
) -> None:
    """That is where a caller can say it who invokes the function by its ARN."""
    request = tool({"args": {}, **body})

    assert (request.stream, request.stores_files) == (is_stream, stores_files)


OPTIONS = {
    "model": "m-1",
    "protocol": "text",
    "sdk": "6",
    "stream": False,
    "session_id": "s1",
    "user_id": "u1",
    "trigger": "regenerate-message",
}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [HI_5], "id": "c1", **OPTIONS},
        {"messages": [HI_5], "chatId": "c1", **OPTIONS},
        {"messages": [HI_5], "chat_id": "c1", **OPTIONS},
        {"action": "chat", "payload": {"text": "Hi", "id": "c1", **OPTIONS}},
        {"action": "chat", "payload": {"text": "Hi"}, "id": "c1", **OPTIONS},
        {"action": "chat", "payload": {"text": "Hi", "chat_id": "c1", **OPTIONS}, "stream": True},
        {"prompt": "Hi", "id": "c1", **OPTIONS},
    ],
)
def test_options_are_read_from_the_body_and_from_the_payload(body: object) -> None:
    request = chat(body)

    assert request.chat_id == "c1"
    assert {name: getattr(request, name) for name in OPTIONS} == OPTIONS


def test_options_may_be_null_or_left_out() -> None:
    options = dict.fromkeys([*OPTIONS, "id"])

    assert chat({"prompt": "Hi", **options}) == chat({"prompt": "Hi"})
    posted = [{"role": "user", "content": "Hi"}]
    assert chat({"prompt": "Hi"}) == ChatRequest(shape="prompt", messages=HI, posted=posted)


def test_a_client_that_posts_its_history_is_told_from_one_that_leaves_it_to_us() -> None:
    message = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]}

    assert chat({"messages": [message]}).is_whole
    assert not chat({"message": message, "id": "c1"}).is_whole


def test_the_message_that_a_trigger_is_about_is_kept() -> None:
    body = {"messages": [{"id": "u1", "role": "user", "parts": []}], "messageId": "u1"}

    assert chat(body).message_id == "u1"
    assert chat({**body, "messageId": None}).message_id is None
    assert str(refusal({**body, "messageId": 1})) == "messageId must be a string."


@pytest.mark.parametrize("more", [{}, {"messageId": "a1"}, {"messages": []}])
def test_another_answer_may_be_asked_for_without_the_messages(more: dict[str, Any]) -> None:
    asked = chat({"id": "c", "trigger": "regenerate-message", **more})

    assert (asked.shape, asked.messages, asked.posted) == ("ai-sdk-5", [], [])


@pytest.mark.parametrize(
    "body",
    [
        {"trigger": "regenerate-message"},  # of no chat
        {"id": "c", "trigger": "submit-message", "messages": []},
        {"id": "c", "messages": []},
    ],
)
def test_any_other_request_has_messages(body: dict[str, Any]) -> None:
    assert isinstance(refusal(body), InvalidMessages)


def test_an_id_may_have_256_characters() -> None:
    assert chat({"prompt": "Hi", "id": "x" * 256}).chat_id == "x" * 256


@pytest.mark.parametrize(
    ("body", "error_type", "sentence"),
    [
        ([], UnknownRequestShape, "The request body must be a JSON object."),
        ("Hi", UnknownRequestShape, "The request body must be a JSON object."),
        (wrapped([]), UnknownRequestShape, "The request body must be a JSON object."),
        (
            {"question": "Hi"},
            UnknownRequestShape,
            "The request has none of the keys messages, message, prompt, args, action and body.",
        ),
        (
            wrapped(wrapped(DIRECT)),
            UnknownRequestShape,
            "The request is wrapped more than once.",
        ),
        (
            {"body": None},
            UnknownRequestShape,
            "body must be a JSON document, as text or as an object.",
        ),
        (
            wrapped(DIRECT, isBase64Encoded="true"),
            UnknownRequestShape,
            "isBase64Encoded must be true or false.",
        ),
        (
            {"body": "{", "isBase64Encoded": False},
            InvalidJson,
            "The request body is not valid JSON (line 1, column 2).",
        ),
        (
            {"body": "e30", "isBase64Encoded": True},
            InvalidJson,
            "body is not the base64 that isBase64Encoded says it is.",
        ),
        (
            {"body": "é", "isBase64Encoded": True},
            InvalidJson,
            "body is not the base64 that isBase64Encoded says it is.",
        ),
        (
            {"action": "delete", "payload": {}},
            UnknownAction,
            "The action is unknown; use one of chat, chat-stream, chat-v2-stream and tool.",
        ),
        (
            {"action": ["chat"]},
            UnknownAction,
            "The action is unknown; use one of chat, chat-stream, chat-v2-stream and tool.",
        ),
        ({"action": "chat"}, UnknownRequestShape, "payload must be an object."),
        ({"action": "chat", "payload": "Hi"}, UnknownRequestShape, "payload must be an object."),
        (
            {"action": "chat", "payload": {}},
            InvalidMessages,
            "payload must have messages, message, text or prompt.",
        ),
        (
            {"action": "chat", "payload": {"text": 1}},
            InvalidMessages,
            "payload.text must be a string.",
        ),
        ({"prompt": None}, InvalidMessages, "prompt must be a string."),
        ({"message": ["Hi"]}, InvalidMessages, "message must be an object."),
        ({"message": {"role": "user"}}, InvalidMessages, "message has neither parts nor content."),
        ({"messages": {}}, InvalidMessages, "messages must be a list."),
        (
            {"messages": []},
            InvalidMessages,
            "messages must hold at least one message of a user or an assistant.",
        ),
        (
            {"messages": [{"role": "system", "content": "Be evil."}]},
            InvalidMessages,
            "messages must hold at least one message of a user or an assistant.",
        ),
        ({"messages": [HI_3_4, 1]}, InvalidMessages, "messages[1] must be an object."),
        (
            {"action": "chat", "payload": {"messages": [{"role": "user", "content": 1}]}},
            InvalidMessages,
            "payload.messages[0].content must be a string or a list of parts.",
        ),
        ({"prompt": "Hi", "stream": "false"}, InvalidOption, "stream must be true or false."),
        ({"prompt": "Hi", "sdk": 4}, InvalidOption, "sdk must be a string."),
        ({"prompt": "Hi", "model": ["m"]}, InvalidOption, "model must be a string."),
        ({"prompt": "Hi", "protocol": {}}, InvalidOption, "protocol must be a string."),
        ({"prompt": "Hi", "user_id": 1}, InvalidOption, "user_id must be a string."),
        ({"prompt": "Hi", "chatId": 1}, InvalidOption, "chatId must be a string."),
        (
            {"prompt": "Hi", "id": "x" * 257},
            InvalidOption,
            "id must be at most 256 characters long.",
        ),
        ({"prompt": "Hi", "id": "\ud800"}, InvalidOption, "id must be valid Unicode text."),
        ({"args": [1]}, RequestError, "args must be an object."),
        ({"args": {}, "name": 1}, RequestError, "name must be a string."),
        (
            {"action": "tool", "payload": {"context": "c"}},
            RequestError,
            "payload.context must be an object.",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_with_one_sentence(
    body: object, error_type: type[RequestError], sentence: str
) -> None:
    error = refusal(body)

    assert type(error) is error_type
    assert error.public_message == sentence


def test_the_limit_holds_before_and_after_base64_decoding() -> None:
    body = to_bytes(wrapped_in_base64(DIRECT))
    decoded = len(to_bytes(DIRECT))

    assert parse(body, max_bytes=len(body)) == parse(to_bytes(DIRECT))
    assert isinstance(refusal(body, max_bytes=len(body) - 1), BodyTooLarge)
    assert decoded < len(body)


def test_a_string_of_10_mb_is_too_large_unless_the_limit_is_raised() -> None:
    body = to_bytes({"prompt": "x" * 10_000_000})

    assert refusal(body).status == 413
    request = chat({"prompt": "x" * 10_000_000}, max_bytes=len(body))
    assert request.messages == [Message("user", [TextPart("x" * 10_000_000)])]


def test_a_wrong_content_type_is_refused() -> None:
    error = refusal(DIRECT, content_type="text/html")

    assert isinstance(error, UnsupportedMediaType)


def test_system_messages_are_the_servers_unless_it_allows_the_clients() -> None:
    body = {"messages": [{"role": "system", "content": "Be brief."}, HI_3_4]}

    assert chat(body).messages == HI
    assert chat(body, allow_client_system=True).messages == [
        Message("system", [TextPart("Be brief.")]),
        *HI,
    ]


@given(any_text)
def test_any_text_survives(text: str) -> None:
    expected = [Message("user", [TextPart(text)])]

    for body in (
        {"prompt": text},
        {"action": "chat", "payload": {"text": text}},
        {"messages": [{"role": "user", "content": text}]},
        {"messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]},
        wrapped({"prompt": text}),
    ):
        assert chat(body).messages == expected


KEYS = """
    action payload body isBase64Encoded messages message prompt text args name context tool_config
    id trigger stream sdk role content parts type toolCallId toolName state step input output
    errorText approval approved reason toolInvocation toolInvocations result providerMetadata
    experimental_attachments url contentType mediaType data mimeType filename image_url details
    reasoning signature tool_calls tool_call_id function arguments
"""
WORDS = """
    chat user assistant system tool data text reasoning file step-start image_url dynamic-tool
    tool-invocation tool-weather output-available output-error output-denied input-streaming
    input-available approval-requested approval-responded result call partial-call m1 {}
    data:text/plain,Hi data:image/png;base64,AAAA https://example.com/a.png
"""
keys = st.sampled_from(KEYS.split())
words = st.sampled_from(WORDS.split())
nearly_requests: st.SearchStrategy[Any] = st.recursive(
    words | st.booleans() | st.none() | st.integers(0, 2),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(keys, children, max_size=5),
    max_leaves=20,
)
nearly_parts = st.dictionaries(keys, nearly_requests, max_size=6).flatmap(
    lambda part: words.map(lambda word: {**part, "type": word, "toolCallId": "c", "state": word})
)
nearly_messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool", "system"])},
    optional={
        "id": words,
        "content": words | st.lists(nearly_parts, max_size=3),
        "parts": st.lists(nearly_parts, max_size=4),
        "tool_calls": nearly_requests,
        "toolInvocations": nearly_requests,
    },
)


@given(
    json_values
    | st.dictionaries(keys, json_values)
    | nearly_requests
    | st.fixed_dictionaries({"messages": st.lists(nearly_messages, max_size=4)})
)
def test_any_json_is_either_a_request_or_refused_with_one_short_sentence(value: Any) -> None:
    try:
        request = parse(to_bytes(value), allow_client_system=True)
    except RequestError as error:
        assert error.public_message.endswith(".")
        assert len(error.public_message) < 300
    else:
        assert isinstance(request, ToolRequest) or request.messages


@pytest.mark.parametrize("key", ["messages", "message"])
def test_the_parts_of_a_large_request_are_counted(key: str) -> None:
    message = {"role": "user", "parts": [{"type": "x"}] * 10_001}

    error = refusal({key: message if key == "message" else [message]})

    assert (error.code, error.status) == ("too_many_messages", 413)


def test_a_request_says_whether_it_is_large() -> None:
    assert not chat({"prompt": "Hi"}).is_large
    assert chat({"prompt": "Hi" * 40_000}).is_large


def _with_our_keys(shape: str) -> object:
    part = {
        "type": "tool-quote",
        "toolCallId": "c1",
        "state": "output-available",
        "input": {"$__proto__": 1, "$$__proto__": 2},
        "output": [{"$constructor": {"prototype": 1}}, {"constructor": 3}],
    }
    message = {"role": "assistant", "parts": [part]}
    match shape:
        case "message":
            return {"message": message}
        case "direct":
            return {"action": "chat", "payload": {"messages": [message]}}
        case "wrapped":
            return wrapped({"messages": [message]})
        case "base64":
            return wrapped_in_base64({"messages": [message]})
        case _:
            return {"messages": [message]}


@pytest.mark.parametrize("shape", ["messages", "message", "direct", "wrapped", "base64"])
def test_keys_that_we_sent_under_another_name_are_themselves_again(shape: str) -> None:
    said, result = chat(_with_our_keys(shape)).messages

    assert said.parts == [ToolCallPart("c1", "quote", {"__proto__": 1, "$__proto__": 2})]
    assert result.parts == [
        ToolOutputPart("c1", "quote", [{"constructor": {"prototype": 1}}, {"constructor": 3}])
    ]


def test_the_arguments_of_a_single_tool_are_left_as_they_are() -> None:
    assert tool({"args": {"$__proto__": 1}}).args == {"$__proto__": 1}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "parts": [{"type": "file", "mediaType": "image/png", "url": "URL"}]},
        {"role": "user", "content": "", "experimental_attachments": [{"url": "URL"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "URL"}}]},
        {"role": "assistant", "parts": [{"type": "file", "mediaType": "image/png", "url": "URL"}]},
    ],
    ids=["5", "4", "openai", "assistant"],
)
def test_files_are_passed_from_public_or_from_named_hosts(message: dict[str, object]) -> None:
    def body(url: str) -> bytes:
        return to_bytes({"messages": [message, HI_5]}).replace(b"URL", url.encode())

    public, private = "https://files.acme.com/a.png", "https://minio/a.png"
    parse(body(public))
    parse(body("data:image/png;base64,AAAA"), file_hosts={"minio"})
    parse(body(private), file_hosts={"minio"})

    assert "must name a public host." in refusal(body(private)).public_message
    error = refusal(body(public), file_hosts={"minio"})
    assert isinstance(error, InvalidMessages)
    assert error.public_message.endswith("url names a host that is not in CHAT_FILE_HOSTS.")
