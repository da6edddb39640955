"""When an answer may not end on its last step."""

from collections.abc import Sequence

import pytest

from app.events import (
    Abort,
    Error,
    Event,
    Finish,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)
from app.protocols.data_stream import DataStreamEncoder
from app.protocols.framing import Framer
from app.protocols.last_step import LastStep
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from tests.protocols.test_ui_message_stream import chunks

CALL = ToolInputAvailable("c", "t", {})
SETTLED: list[Event] = [StepStart(), CALL, ToolOutputAvailable("c", 1)]


@pytest.mark.parametrize(
    "events",
    [
        SETTLED,
        [*SETTLED, StepEnd("tool-calls")],
        [*SETTLED, TextDelta("a")],
        [StepStart(), CALL, ToolOutputError("c", "No.")],
        [StepStart(), CALL, ToolOutputDenied("c")],
        [StepStart(), ToolInputStart("c", "t"), ToolInputError("c", "t", {}, "No.")],
        [ToolOutputAvailable("c", 1)],
    ],
)
def test_a_step_whose_calls_are_all_settled_invites_a_post(events: Sequence[Event]) -> None:
    step = LastStep()

    for event in events:
        step.add(event)

    assert step.invites_a_post


@pytest.mark.parametrize(
    "events",
    [
        [StepStart(), TextDelta("a")],
        [*SETTLED, StepEnd("tool-calls"), StepStart()],
        [*SETTLED, ToolInputAvailable("d", "u", {}, "client")],
        [*SETTLED, ToolInputAvailable("d", "u", {}), ToolApprovalRequest("p", "d")],
        [StepStart(), CALL, ToolOutputAvailable("c", 1, preliminary=True)],
    ],
)
def test_a_step_without_calls_or_with_one_that_waits_does_not(events: Sequence[Event]) -> None:
    step = LastStep()

    for event in events:
        step.add(event)

    assert not step.invites_a_post


@pytest.mark.parametrize(
    ("before", "end", "lines"),
    [
        ([*SETTLED], Error("x", "No."), "8f9aef3ed"),
        ([*SETTLED], Abort(), "8f9aefed"),
        ([*SETTLED, StepEnd("tool-calls")], Error("x", "No."), "8f9aef3ed"),
        ([*SETTLED, StepEnd("tool-calls")], Finish("tool-calls"), "8f9aefed"),
        ([StepStart(), CALL], Error("x", "No."), "8f9aef3ed"),
        ([StepStart(), TextDelta("a")], Error("x", "No."), "8f03ed"),
    ],
)
def test_the_data_stream_never_ends_on_settled_calls(
    before: Sequence[Event], end: Event, lines: str
) -> None:
    framer = Framer(DataStreamEncoder())

    wire = framer.frame([Start("m", {"a": 1}), *before, end])

    assert "".join(line[:1] for line in wire.decode().splitlines()) == lines


@pytest.mark.parametrize(
    ("before", "end", "kinds"),
    [
        ([], Error("x", "No."), ["message-metadata", "error", "finish-step", "finish"]),
        ([], Abort(), ["message-metadata", "abort"]),
        (
            [StepEnd("tool-calls")],
            Finish("tool-calls"),
            ["finish-step", "message-metadata", "finish"],
        ),
        (
            [StepEnd("tool-calls")],
            Finish("tool-calls", metadata={"a": 1}),
            ["finish-step", "finish"],
        ),
    ],
)
def test_the_ui_stream_never_ends_on_settled_calls(
    before: Sequence[Event], end: Event, kinds: Sequence[str]
) -> None:
    framer = Framer(UIMessageStreamEncoder())

    wire = framer.frame([Start("m"), *SETTLED, *before, end])

    found = [chunk["type"] for chunk in chunks(wire)]
    settled = ["start", "start-step", "tool-input-available", "tool-output-available"]
    assert found == [*settled, "finish-step", "start-step", *kinds]


def test_a_later_step_in_which_nothing_is_said_is_shown_even_if_the_model_had_begun_it() -> None:
    framer = Framer(UIMessageStreamEncoder())

    wire = framer.frame([Start("m"), *SETTLED, StepEnd("tool-calls"), StepStart(), Abort()])

    assert [chunk["type"] for chunk in chunks(wire)][-2:] == ["message-metadata", "abort"]


def test_a_later_step_that_says_something_shows_itself() -> None:
    framer = Framer(UIMessageStreamEncoder())

    wire = framer.frame(
        [Start("m"), *SETTLED, StepEnd("tool-calls"), StepStart(), TextDelta("a"), Abort()]
    )

    assert [chunk["type"] for chunk in chunks(wire)][-2:] == ["text-end", "abort"]


@pytest.mark.parametrize(
    ("before", "end", "kinds"),
    [
        ([], Abort("superseded"), ["start-step", "message-metadata", "abort"]),
        ([StepStart()], Abort(), ["start-step", "message-metadata", "abort"]),
        (
            [],
            Error("x", "No."),
            ["start-step", "message-metadata", "error", "finish-step", "finish"],
        ),
        (
            [StepStart(), TextDelta("a")],
            Abort(),
            ["start-step", "text-start", "text-delta", "text-end", "abort"],
        ),
    ],
)
def test_a_continuation_that_ends_at_once_does_not_end_on_the_calls_of_its_message(
    before: Sequence[Event], end: Event, kinds: Sequence[str]
) -> None:
    """The page has just posted their results, and would post them again."""
    framer = Framer(UIMessageStreamEncoder(continues=True), continues=True)

    wire = framer.frame([Start("m"), *before, end])

    assert [chunk["type"] for chunk in chunks(wire)] == ["start", *kinds]


def test_a_turn_that_continues_nothing_has_no_more_than_its_end() -> None:
    wire = Framer(UIMessageStreamEncoder()).frame([Start("m"), Abort()])

    assert [chunk["type"] for chunk in chunks(wire)] == ["start", "abort"]


def test_a_continuation_that_fails_before_its_start_has_its_error_only() -> None:
    wire = Framer(UIMessageStreamEncoder(continues=True), continues=True).frame([Abort()])

    assert [chunk["type"] for chunk in chunks(wire)] == ["abort"]


def test_a_3_4_client_sees_a_later_step_in_which_nothing_is_said() -> None:
    framer = Framer(DataStreamEncoder("3.4"))

    wire = framer.frame([Start("m"), *SETTLED, Error("x", "No.")])

    assert [line[:2] for line in wire.decode().splitlines()] == [
        "9:",
        "a:",
        "e:",
        "0:",
        "3:",
        "e:",
        "d:",
    ]
