"""`app.requests.conversation`: the messages of a request."""

from typing import Any

import pytest

from app.errors import BodyTooLarge, InvalidMessages, TooManyMessages
from app.requests.conversation import Conversation, Rules, read_conversation, use_chat_shape
from app.requests.message_reader import read_message
from tests.requests.posting import HI, openai_call, text

RULES = Rules(
    max_messages=10, file_hosts=(), allow_client_system=False, is_large=False, has_our_keys=False
)
LARGE = Rules(
    max_messages=10, file_hosts=(), allow_client_system=False, is_large=True, has_our_keys=True
)


def read(fields: dict[str, Any], rules: Rules = RULES) -> Conversation:
    return read_conversation(fields, "payload.", rules)


def test_messages_are_checked_and_kept_as_they_were_posted() -> None:
    mine = {"role": "user", "parts": [{"type": "of-tomorrow", "x": [1]}], "new": 1}
    answer = {"role": "assistant", "id": "m1", "parts": [text("Hello.")]}

    conversation = read({"messages": [mine, answer]})

    assert [message.role for message in conversation.messages] == ["user", "assistant"]
    assert conversation.posted == [mine, answer]


def test_only_users_and_assistants_are_kept_as_they_were_posted() -> None:
    others = [{"role": role, "content": "x"} for role in ("system", "developer", "data")]
    result = {"role": "tool", "tool_call_id": "c", "content": "x"}

    conversation = read({"messages": [*others, HI, result]})

    assert len(conversation.messages) == 5
    assert conversation.posted == [HI]


@pytest.mark.parametrize(
    "fields", [{"message": "Hi"}, {"text": "Hi"}, {"prompt": "Hi"}, {"message": HI}]
)
def test_one_message_may_stand_under_other_keys(fields: dict[str, Any]) -> None:
    assert read(fields).posted == [HI]


def test_a_page_may_leave_the_message_to_the_server() -> None:
    assert read({"trigger": "regenerate-message"}) == Conversation([], [])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "payload must have messages, message, text or prompt."),
        ({"trigger": "submit-message"}, "payload must have messages, message, text or prompt."),
        ({"messages": {}}, "payload.messages must be a list."),
        ({"prompt": 1}, "payload.prompt must be a string."),
        ({"message": {}}, "payload.message.role is missing."),
        ({"messages": [HI, 1]}, "payload.messages[1] must be an object."),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidMessages) as caught:
        read(fields)

    assert str(caught.value) == sentence


def test_a_conversation_is_bounded() -> None:
    with pytest.raises(TooManyMessages):
        read({"messages": [HI] * 11})
    with pytest.raises(TooManyMessages):
        read({"messages": [{"role": "user", "parts": [text("x")] * 10_001}]}, LARGE)
    with pytest.raises(TooManyMessages):
        read({"message": {"role": "user", "parts": [text("x")] * 10_001}}, LARGE)
    with pytest.raises(BodyTooLarge):
        long = openai_call("c", "[" + "1," * 200_001 + "1]")
        read({"messages": [{"role": "assistant", "tool_calls": [long]}]}, LARGE)


def test_keys_that_were_sent_under_another_name_have_their_own_again() -> None:
    posted = {"role": "user", "parts": [{"type": "data-x", "data": {"$__proto__": 1}}]}

    kept = read({"messages": [posted]}, LARGE).posted

    assert kept[0]["parts"][0]["data"] == {"__proto__": 1}


@pytest.mark.parametrize(
    ("fields", "has_trigger", "message", "shape"),
    [
        ({}, True, {"content": "Hi"}, "ai-sdk-5"),
        ({}, False, {"parts": []}, "ai-sdk-5"),
        ({}, False, {"parts": [], "content": "Hi"}, "ai-sdk-4"),
        ({"id": "c"}, False, {"content": "Hi"}, "ai-sdk-4"),
        ({}, False, {"content": "Hi"}, "ai-sdk-3.4"),
    ],
)
def test_clients_are_told_apart_by_what_only_they_send(
    fields: dict[str, Any], has_trigger: bool, message: dict[str, Any], shape: str
) -> None:
    posted = [read_message({"role": "user", **message})]

    assert use_chat_shape(fields, has_trigger=has_trigger, messages=posted) == shape
