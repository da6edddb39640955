"""`app.requests.amount`: too much is refused before it is checked, with a sentence."""

import json
from typing import Any

import pytest

from app.errors import BodyTooLarge, TooManyMessages
from app.requests.amount import MAX_PARTS, MAX_REPLIES, check_messages, check_parts, check_replies
from app.requests.value_count import MAX_VALUES
from tests.requests.posting import HI, chat, refusal

_PART = {"type": "x"}


def _of(count: int, **extra: Any) -> dict[str, Any]:
    return {"messages": [HI] * count, **extra}


@pytest.mark.parametrize("shape", ["plain", "direct", "wrapped"])
def test_a_conversation_that_is_too_long_is_refused(shape: str) -> None:
    def body(count: int) -> dict[str, Any]:
        match shape:
            case "direct":
                return {"action": "chat", "payload": _of(count)}
            case "wrapped":
                return {"body": json.dumps(_of(count))}
            case _:
                return _of(count)

    assert len(chat(body(3), max_messages=3).messages) == 3
    error = refusal(body(4), max_messages=3)

    assert (error.code, error.status) == ("too_many_messages", 413)
    assert error.public_message == (
        "The conversation has 4 messages; at most 3 are accepted. "
        "Start a new one, or send its end only."
    )


def test_two_thousand_messages_are_accepted_unless_said_otherwise() -> None:
    assert len(chat(_of(2000)).messages) == 2000
    assert isinstance(refusal(_of(2001)), TooManyMessages)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "parts": [_PART] * (MAX_PARTS + 1)},
        {"role": "user", "parts": [{}] * (MAX_PARTS + 1)},
        {"role": "user", "content": [_PART] * (MAX_PARTS + 1)},
        {"role": "user", "content": "", "experimental_attachments": [{}] * (MAX_PARTS + 1)},
        {"role": "assistant", "content": "", "toolInvocations": [{}] * (MAX_PARTS + 1)},
        {"role": "assistant", "content": "", "tool_calls": [{}] * (MAX_PARTS + 1)},
        {
            "role": "assistant",
            "content": "",
            "parts": [{"type": "reasoning", "details": [{}] * MAX_PARTS}],
        },
    ],
    ids=["parts", "empty", "content", "attachments", "invocations", "calls", "details"],
)
@pytest.mark.parametrize("key", ["messages", "message"])
def test_too_many_parts_are_refused_in_whatever_list_they_are(
    message: dict[str, Any], key: str
) -> None:
    error = refusal({key: [message] if key == "messages" else message})

    assert isinstance(error, TooManyMessages)
    assert error.public_message == (
        "The conversation has more than 10000 parts. Start a new one, or send its end only."
    )


def test_the_parts_of_all_messages_count_together() -> None:
    message = {"role": "user", "parts": [_PART] * (MAX_PARTS // 2)}

    check_parts([message, message, HI])
    with pytest.raises(TooManyMessages):
        check_parts([message, message, {"role": "user", "parts": [_PART]}])


def test_what_is_no_message_is_left_to_the_check() -> None:
    check_parts([None, 5, "x", [], {"parts": {}}, {"parts": [None, 5]}, {"tool_calls": [5, {}]}])


def test_arguments_that_are_json_inside_of_json_count_too() -> None:
    arguments = json.dumps([{}] * (MAX_VALUES // 2))
    calls = [{"id": "c", "function": {"name": "x", "arguments": arguments}}]
    check_parts([{"tool_calls": calls}])

    error = refusal({"messages": [HI, {"role": "assistant", "tool_calls": calls * 2}, HI]})

    assert isinstance(error, BodyTooLarge)


def test_too_many_replies_are_refused() -> None:
    def body(replies: int) -> dict[str, Any]:
        parts = [
            {
                "type": "tool-x",
                "toolCallId": f"c{number}",
                "state": "approval-responded",
                "approval": {"id": "a", "approved": True},
            }
            for number in range(replies)
        ]
        return {"messages": [HI, {"role": "assistant", "parts": parts}]}

    assert len(chat(body(MAX_REPLIES)).approval_replies) == MAX_REPLIES
    error = refusal(body(MAX_REPLIES + 1))

    assert (error.code, error.status) == ("too_many_messages", 413)
    assert error.public_message == (
        "The request replies to 501 approval requests; at most 500 are accepted at once."
    )


def test_each_limit_is_the_most_that_is_accepted() -> None:
    check_messages([HI] * 5, limit=5)
    check_parts([{"parts": [_PART] * MAX_PARTS}])
    check_replies(MAX_REPLIES)
