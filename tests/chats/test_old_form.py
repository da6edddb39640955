"""`app.chats.old_form`: a stored message as AI SDK 4 takes it."""

from typing import Any

import pytest

from app.chats.old_form import in_old_form
from app.chats.stored_form import stored_form
from app.chats.stored_history import stored_history
from tests.chats.stored import STEP, answer, call, said, user
from tests.requests.posting import chat as parsed
from tests.requests.posting import plain

PNG = "data:image/png;base64,AAAA"
FILE = {"type": "file", "mediaType": "image/png", "url": PNG}


def parts_of(*parts: object) -> list[Any]:
    found: list[Any] = in_old_form(answer("a1", STEP, *parts))["parts"]
    return found[1:]


def test_a_message_of_the_user_has_its_text_as_content_and_its_files_beside_it() -> None:
    stored = {
        "id": "u1",
        "role": "user",
        "parts": [{**FILE, "filename": "a.png"}, FILE, said("See?")],
    }

    assert in_old_form(stored) == {
        "id": "u1",
        "role": "user",
        "content": "See?",
        "parts": [said("See?")],
        "experimental_attachments": [
            {"name": "a.png", "contentType": "image/png", "url": PNG},
            {"contentType": "image/png", "url": PNG},
        ],
    }


def test_an_answer_has_its_steps_and_numbers_the_calls_by_them() -> None:
    done = call("output-available", output=2)
    stored = answer(
        "a1", STEP, said("Hm. "), done, STEP, call("input-available", "c2"), said("So.")
    )
    first = {"step": 0, "toolCallId": "c1", "toolName": "pick", "args": {"of": 3}}
    calls = [
        {"state": "result", **first, "result": 2},
        {"state": "call", **first, "step": 1, "toolCallId": "c2"},
    ]

    assert in_old_form(stored) == {
        "id": "a1",
        "role": "assistant",
        "content": "Hm. So.",
        "parts": [
            STEP,
            said("Hm. "),
            {"type": "tool-invocation", "toolInvocation": calls[0]},
            STEP,
            {"type": "tool-invocation", "toolInvocation": calls[1]},
            said("So."),
        ],
        "toolInvocations": calls,
    }


@pytest.mark.parametrize(
    ("part", "invocation"),
    [
        (call("output-error", errorText="No."), {"state": "result", "result": {"error": "No."}}),
        (
            call("output-denied"),
            {"state": "result", "result": {"error": "The user did not allow this call."}},
        ),
        (call("approval-requested", approval={"id": "a"}), {"state": "call"}),
        (
            {**call("output-available", output=None), "type": "dynamic-tool", "toolName": "pick"},
            {"state": "result", "result": None},
        ),
        (call("output-available", input="{bro"), {"state": "result", "result": None}),
    ],
)
def test_calls_in_any_state(part: dict[str, Any], invocation: dict[str, Any]) -> None:
    args = {"of": 3} if part["input"] == {"of": 3} else {"input": part["input"]}
    made = {"step": 0, "toolCallId": "c1", "toolName": "pick", "args": args}

    assert parts_of(part) == [{"type": "tool-invocation", "toolInvocation": {**made, **invocation}}]


@pytest.mark.parametrize(
    "part",
    [
        call("output-available", output=1, providerExecuted=True),
        call("input-streaming"),
        {**FILE, "url": "https://a.b/c.png"},
        {"type": "source-document", "sourceId": "s", "mediaType": "text/plain", "title": "T"},
        {"type": "of-tomorrow"},
    ],
)
def test_what_ai_sdk_4_has_no_part_for_is_left_out(part: dict[str, Any]) -> None:
    assert parts_of(part) == []


def test_reasoning_that_goes_on_is_one_part_with_its_proofs() -> None:
    signed = {"deltaline": {"signature": "s"}}
    hidden = {"deltaline": {"redactedData": "x"}}

    assert parts_of(
        {"type": "reasoning", "text": "Hm. ", "providerMetadata": signed},
        {"type": "reasoning", "text": "", "providerMetadata": hidden},
        said("So."),
        {"type": "reasoning", "text": "Or?"},
    ) == [
        {
            "type": "reasoning",
            "reasoning": "Hm. ",
            "details": [
                {"type": "text", "text": "Hm. ", "signature": "s"},
                {"type": "redacted", "data": "x"},
            ],
        },
        said("So."),
        {"type": "reasoning", "reasoning": "Or?", "details": [{"type": "text", "text": "Or?"}]},
    ]


def test_sources_and_files_of_the_model_are_parts() -> None:
    source = {"type": "source-url", "sourceId": "s", "url": "https://a.b"}

    assert parts_of(source, {**source, "title": "T"}, FILE) == [
        {"type": "source", "source": {"sourceType": "url", "id": "s", "url": "https://a.b"}},
        {
            "type": "source",
            "source": {"sourceType": "url", "id": "s", "url": "https://a.b", "title": "T"},
        },
        {"type": "file", "mimeType": "image/png", "data": "AAAA"},
    ]


def test_facts_and_data_are_annotations() -> None:
    chart = {"type": "data-chart", "id": "d", "data": [1]}

    found = in_old_form(answer("a1", STEP, chart, metadata={"model": "m"}))

    assert found["annotations"] == [{"model": "m"}, chart]


@pytest.mark.parametrize(
    "stored",
    [
        {"id": "u1", "role": "user", "parts": [said("See?"), {**FILE, "filename": "a.png"}]},
        answer("a1", STEP, call("output-available", output=2), STEP, said("Two."), FILE),
        answer("a1", STEP, {"type": "reasoning", "text": "Hm.", "state": "done"}, said("So.")),
        user("u1"),
    ],
)
def test_what_ai_sdk_4_posts_back_is_what_was_stored(stored: dict[str, Any]) -> None:
    back = in_old_form(stored)

    assert stored_form(back, fallback_id="") == stored
    asked = parsed({"id": "c", "messages": [back]})
    assert asked.shape == "ai-sdk-4"
    assert plain(list(asked.messages)) == plain(list(stored_history([stored]).messages))
