"""`app.chats.whole_message`: the log of a turn that continues a message, from its beginning."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.chats.earlier import earlier_events, owed_calls
from app.chats.whole_message import WholeMessage
from app.events import (
    Abort,
    Error,
    Event,
    Finish,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolOutputAvailable,
    ToolOutputDenied,
)
from app.protocols.framing import Framer
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from app.turns.transcript import Transcript
from tests.chats.stored import STEP, answer, call, said

APPROVED = call("approval-responded", approval={"id": "ask", "approved": True})
DENIED = call("approval-responded", "c2", approval={"id": "no", "approved": False})
REPLIED = answer("a1", STEP, APPROVED, DENIED, metadata={"model": "m"})
SETTLED: list[Event] = [
    Start("a1"),
    ToolOutputDenied("c2"),
    ToolOutputAvailable("c1", "sent"),
]
SAID: list[Event] = [StepStart(), TextDelta("Sent."), StepEnd("stop"), Finish("stop")]


def message_of(events: Sequence[Event], **about: Any) -> dict[str, Any]:
    """Return the message of a stream of ``events``, which have to be in order."""
    framer = Framer(UIMessageStreamEncoder())
    transcript = Transcript("a1", **about)
    framer.observe(transcript.add)
    framer.frame(events)
    return transcript.message()


def test_the_log_of_a_new_message_passes_as_it_is() -> None:
    log = [Start("m"), *SAID]

    assert WholeMessage().take(log) == log


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_continued_message_is_one_message_however_the_log_is_cut(size: int) -> None:
    log = [*earlier_events(REPLIED), *SETTLED, *SAID]
    whole = WholeMessage()

    events = [one for at in range(0, len(log), size) for one in whole.take(log[at : at + size])]

    message = message_of(events)
    assert [part["type"] for part in message["parts"]] == [
        "step-start",
        "tool-pick",
        "tool-pick",
        "step-start",
        "text",
    ]
    assert message["parts"][1] == call("output-available", output="sent")
    assert message["parts"][2] == call("output-denied", "c2", approval={"id": "no"})
    assert message["metadata"] == {"model": "m"}


def test_what_is_stored_at_the_end_is_the_same_message_with_the_replies() -> None:
    framer = Framer(UIMessageStreamEncoder(), owed_calls(earlier_events(REPLIED)))
    transcript = Transcript("a1", REPLIED)
    framer.observe(transcript.add)

    framer.frame([*SETTLED, *SAID])

    assert transcript.message() == {
        **REPLIED,
        "parts": [
            STEP,
            {**APPROVED, "state": "output-available", "output": "sent"},
            {**DENIED, "state": "output-denied"},
            STEP,
            {**said("Sent."), "state": "done"},
        ],
    }


@pytest.mark.parametrize("end", [Abort(), Error("x", "It broke.")])
def test_a_turn_that_breaks_off_settles_the_calls_that_it_owes(end: Event) -> None:
    log = [*earlier_events(REPLIED), Start("a1"), ToolOutputDenied("c2"), end]

    parts = message_of(WholeMessage().take(log))["parts"]

    assert [part["state"] for part in parts if "state" in part] == [
        "output-error",
        "output-denied",
    ]


def test_a_turn_that_only_settles_calls_ends_their_step() -> None:
    log = [*earlier_events(REPLIED), *SETTLED, Finish("tool-calls")]

    events = WholeMessage().take(log)

    assert events[-2:] == [StepEnd("tool-calls"), Finish("tool-calls")]
    assert message_of(events)["parts"][0] == STEP


def test_results_of_the_client_are_in_the_earlier_part() -> None:
    brought = answer("a1", STEP, call("output-available", output=2))

    message = message_of(WholeMessage().take([*earlier_events(brought), Start("a1"), *SAID]))

    assert message["parts"] == [*brought["parts"], STEP, {**said("Sent."), "state": "done"}]
