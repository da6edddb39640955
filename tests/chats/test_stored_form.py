"""`app.chats.stored_form`: a message of any client as it is stored."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.chats.stored_form import continued_form, stored_form
from app.chats.stored_history import stored_history
from app.messages import Message
from tests.chats.stored import STEP, answer, said, user
from tests.requests.posting import chat as parsed
from tests.requests.posting import openai_call, plain

REQUESTS = Path(__file__).parent.parent / "traces" / "requests"
PNG = "data:image/png;base64,AAAA"


def stored(**posted: Any) -> dict[str, Any]:
    return stored_form({"role": "user", **posted}, fallback_id="made")


def parts_of(**posted: Any) -> list[Any]:
    parts: list[Any] = stored(**posted)["parts"]
    return parts


@pytest.mark.parametrize(
    "message",
    [
        user("u1"),
        {**user("u1"), "metadata": {"at": [1, None]}},
        {
            "id": "u1",
            "role": "user",
            "parts": [
                {"type": "file", "mediaType": "image/png", "url": PNG, "filename": "a.png", "x": 1},
                {"type": "data-place", "id": "d", "data": {"__proto__": 1}},
                {"type": "a-part-of-tomorrow", "with": ["anything"]},
                {"type": "text", "text": "", "state": "done"},
            ],
        },
        answer(
            "a1",
            STEP,
            {"type": "reasoning", "text": "Hm.", "providerMetadata": {"p": {"signature": "s"}}},
            {"type": "tool-pick", "toolCallId": "c1", "state": "input-available", "input": {}},
            {"type": "file", "mediaType": "image/png", "url": PNG},
            {"type": "source-url", "sourceId": "s", "url": "https://a.b"},
        ),
    ],
)
def test_what_ai_sdk_5_and_later_post_is_stored_as_it_is(message: dict[str, Any]) -> None:
    assert stored_form(message, fallback_id="made") == message


def test_the_id_is_the_clients_if_it_gives_one() -> None:
    assert stored(id="u1", content="Hi")["id"] == "u1"
    assert stored(content="Hi")["id"] == "made"
    assert stored(id=None, content="Hi")["id"] == "made"
    assert stored(id="", content="Hi")["id"] == "made"


@pytest.mark.parametrize(
    ("posted", "parts"),
    [
        ({"content": "Hi"}, [said("Hi")]),
        ({"content": ""}, [said("")]),
        ({"content": "", "parts": []}, [said("")]),
        ({"content": "Hi", "parts": [said("Hi")]}, [said("Hi")]),
        ({"content": [{"type": "text", "text": "Hi"}]}, [said("Hi")]),
        (
            {"content": [{"type": "image_url", "image_url": {"url": PNG}}]},
            [{"type": "file", "mediaType": "image/png", "url": PNG}],
        ),
        (
            {"content": [{"type": "image_url", "image_url": {"url": "https://a.b/c"}}]},
            [{"type": "file", "mediaType": "image/*", "url": "https://a.b/c"}],
        ),
        (
            {
                "content": "See?",
                "parts": [said("See?")],
                "experimental_attachments": [
                    {"name": "a.png", "contentType": "image/png", "url": PNG}
                ],
            },
            [
                said("See?"),
                {"type": "file", "mediaType": "image/png", "url": PNG, "filename": "a.png"},
            ],
        ),
        (
            {"content": "", "experimental_attachments": [{"url": "data:text/csv;x=y,1"}]},
            [{"type": "file", "mediaType": "text/csv", "url": "data:text/csv;x=y,1"}],
        ),
        (
            {"content": "", "experimental_attachments": [{"url": "data:,1"}]},
            [{"type": "file", "mediaType": "application/octet-stream", "url": "data:,1"}],
        ),
        (
            {"content": "", "experimental_attachments": [{"url": "https://a.b/c"}]},
            [{"type": "file", "mediaType": "application/octet-stream", "url": "https://a.b/c"}],
        ),
    ],
)
def test_older_messages_of_a_user_are_translated(posted: dict[str, Any], parts: list[Any]) -> None:
    assert parts_of(**posted) == parts


CALL = {"toolCallId": "c1", "toolName": "pick", "args": {"of": 3}}
STORED = {"type": "tool-pick", "toolCallId": "c1", "input": {"of": 3}}


@pytest.mark.parametrize(
    ("part", "parts"),
    [
        (
            {"type": "tool-invocation", "toolInvocation": {**CALL, "state": "result", "result": 2}},
            [{**STORED, "state": "output-available", "output": 2}],
        ),
        (
            {"type": "tool-invocation", "toolInvocation": {**CALL, "state": "call"}},
            [{**STORED, "state": "input-available"}],
        ),
        (
            {"type": "tool-invocation", "toolInvocation": {**CALL, "state": "partial-call"}},
            [{**STORED, "state": "input-streaming"}],
        ),
        (
            {"type": "reasoning", "reasoning": "Hm."},
            [{"type": "reasoning", "text": "Hm.", "state": "done"}],
        ),
        (
            {
                "type": "reasoning",
                "reasoning": "Hm.",
                "details": [
                    {"type": "text", "text": "Hm.", "signature": "s"},
                    {"type": "redacted", "data": "x"},
                ],
            },
            [
                {
                    "type": "reasoning",
                    "text": "Hm.",
                    "state": "done",
                    "providerMetadata": {"deltaline": {"signature": "s"}},
                },
                {
                    "type": "reasoning",
                    "text": "",
                    "state": "done",
                    "providerMetadata": {"deltaline": {"redactedData": "x"}},
                },
            ],
        ),
        (
            {"type": "source", "source": {"sourceType": "url", "id": "s", "url": "https://a.b"}},
            [{"type": "source-url", "sourceId": "s", "url": "https://a.b"}],
        ),
        (
            {"type": "source", "source": {"id": "s", "url": "https://a.b", "title": "T"}},
            [{"type": "source-url", "sourceId": "s", "url": "https://a.b", "title": "T"}],
        ),
        (
            {"type": "file", "mimeType": "image/png", "data": "AAAA"},
            [{"type": "file", "mediaType": "image/png", "url": PNG}],
        ),
        (STEP, [STEP]),
    ],
)
def test_parts_of_ai_sdk_4_are_translated(part: Any, parts: list[Any]) -> None:
    assert parts_of(role="assistant", content="", parts=[part]) == parts


def test_an_answer_of_ai_sdk_3_4_has_its_calls_after_its_text_step_by_step() -> None:
    calls = [
        {**CALL, "step": 0, "state": "call", "result": 1},
        {**CALL, "step": 0, "toolCallId": "c2", "state": "result"},
        {**CALL, "step": 1, "toolCallId": "c3", "state": "call"},
    ]

    assert parts_of(role="assistant", content="Hm.", toolInvocations=calls) == [
        said("Hm."),
        {**STORED, "state": "output-available", "output": 1},
        {**STORED, "toolCallId": "c2", "state": "output-available", "output": None},
        STEP,
        {**STORED, "toolCallId": "c3", "state": "input-available"},
    ]


def test_an_answer_without_parts_stays_empty() -> None:
    assert parts_of(role="assistant", content="") == []


@pytest.mark.parametrize(
    ("messages", "continued"),
    [
        ([user("u1")], None),
        ([user("u1"), answer("a1")], answer("a1")),
        (
            [{"role": "assistant", "content": "Hm."}],
            {"id": "", "role": "assistant", "parts": [said("Hm.")]},
        ),
        (
            [
                {"role": "assistant", "tool_calls": [openai_call("c1", "{}")]},
                {"role": "tool", "tool_call_id": "c1", "content": "2"},
            ],
            None,
        ),
    ],
)
def test_a_request_continues_the_answer_at_its_end(messages: list[Any], continued: Any) -> None:
    assert continued_form(parsed({"messages": messages})) == continued


def test_a_request_whose_messages_are_left_to_the_store_continues_nothing_of_its_own() -> None:
    asked = msgspec.structs.replace(parsed({"messages": [answer("a1")]}), posted=())

    assert continued_form(asked) is None


RECORDED = sorted(REQUESTS.glob("*/*.json"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_model_is_asked_the_same_with_the_stored_form(path: Path) -> None:
    for post in json.loads(path.read_text())["requests"]:
        asked = parsed(post["body"])

        stored = [stored_form(one, fallback_id=f"m{at}") for at, one in enumerate(asked.posted)]

        history = stored_history(stored)
        assert plain(list(history.messages)) == plain(list(asked.messages))
        assert history.approvals == asked.approval_replies


def test_the_model_is_asked_the_same_for_each_part_of_ai_sdk_4() -> None:
    parts = [
        STEP,
        {"type": "reasoning", "reasoning": "Hm.", "details": [{"type": "redacted", "data": "x"}]},
        {"type": "tool-invocation", "toolInvocation": {**CALL, "state": "result", "result": 2}},
        STEP,
        said("Two."),
        {"type": "file", "mimeType": "image/png", "data": "AAAA"},
    ]
    message = {"role": "assistant", "content": "Two.", "parts": parts}
    asked = parsed({"messages": [message]})

    stored = stored_form(message, fallback_id="a1")

    found: list[Message] = list(stored_history([stored]).messages)
    assert plain(found) == plain(list(asked.messages))
