"""Requests recorded from the real `useChat` of AI SDK 4 and 7, and what we read in them.

Source: `tests/traces/requests/`, one file a scenario, one entry a POST.
"""

import json
from pathlib import Path

import pytest

from app.messages import (
    ApprovalReply,
    ChatRequest,
    FilePart,
    Message,
    TextPart,
    ToolCallPart,
    ToolOutputPart,
)
from app.requests.envelope import parse
from tests.requests.posting import to_bytes

REQUESTS = Path(__file__).parent.parent / "traces" / "requests"

ASK = TextPart("Hello, please answer in a sentence or two.")
DOT = FilePart(
    "image/png",
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "dot.png",
)
ANSWER = TextPart(
    "Hello from turn 1. You said: Hello, please answer in a sentence or two. "
    'Unicode: é漢字😀 quote" back\\slash\nnewline.'
)
ASK_USER = ToolCallPart("call_1", "askUser", {"question": "Sure?"})
DANGEROUS = ToolCallPart("call_1", "dangerous", {"city": "Paris"})

FIRST = [Message("user", [ASK])]
SECOND = [
    *FIRST,
    Message("assistant", [ANSWER]),
    Message("user", [TextPart("What did I say first?")]),
]
ANSWERED = [
    *FIRST,
    Message("assistant", [TextPart("Let me check. "), ASK_USER]),
    Message("tool", [ToolOutputPart("call_1", "askUser", "yes")]),
]
APPROVED = [*FIRST, Message("assistant", [TextPart("Let me check. "), DANGEROUS])]

EXPECTED = {
    "aisdk4/chat": [FIRST],
    "aisdk4/clienttool": [FIRST, ANSWERED],
    "aisdk4/image": [[Message("user", [ASK, DOT])]],
    "aisdk4/multi": [FIRST, SECOND],
    "aisdk7/approval": [FIRST, APPROVED],
    "aisdk7/chat": [FIRST],
    "aisdk7/clienttool": [FIRST, ANSWERED],
    "aisdk7/image": [[Message("user", [DOT, ASK])]],
    "aisdk7/multi": [FIRST, SECOND],
}


def recorded(name: str) -> list[ChatRequest]:
    """Return what each POST of a recording asks for."""
    posts = json.loads((REQUESTS / f"{name}.json").read_text())["requests"]
    requests = [
        parse(to_bytes(post["body"]), content_type=post["headers"]["content-type"])
        for post in posts
    ]
    assert [request.chat_id for request in requests if isinstance(request, ChatRequest)] == [
        post["body"]["id"] for post in posts
    ]
    return [request for request in requests if isinstance(request, ChatRequest)]


def test_every_recording_has_an_expectation() -> None:
    names = {f"{path.parent.name}/{path.stem}" for path in REQUESTS.glob("*/*.json")}

    assert names == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_requests_give_the_expected_messages(name: str) -> None:
    assert [request.messages for request in recorded(name)] == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_recorded_requests_tell_their_client(name: str) -> None:
    shape, trigger = ("ai-sdk-4", None) if "sdk4" in name else ("ai-sdk-5", "submit-message")

    for request in recorded(name):
        assert request.shape == shape
        assert request.trigger == trigger
        assert request.stream is True


def test_a_client_tools_result_continues_the_message() -> None:
    assert [request.continues for request in recorded("aisdk4/clienttool")] == [None, ""]
    assert [request.continues for request in recorded("aisdk7/clienttool")] == [None, "msg-1"]


def test_an_approval_continues_the_message_and_leaves_the_call_to_the_turn() -> None:
    asked, replied = recorded("aisdk7/approval")

    assert (asked.continues, asked.approval_replies) == (None, ())
    assert replied.continues == "msg-1"
    assert replied.approval_replies == (ApprovalReply("gen-2", True, None, DANGEROUS),)
