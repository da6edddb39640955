"""`app.protocols.framing`: what a frame holds, and what the framer adds to a turn."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from app.events import (
    Abort,
    Error,
    Event,
    Executor,
    Finish,
    Source,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputError,
)
from app.grammar import OrderError, State
from app.protocols.data_stream import DataStreamEncoder
from app.protocols.framing import Framer
from app.protocols.ui_message_stream import UIMessageStreamEncoder

SETTLED: list[Event] = [ToolInputAvailable("c", "t", {}), ToolOutputAvailable("c", 1)]


class Recorder:
    """An encoder that keeps what it is asked to encode."""

    media_type = "text/plain"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self.encoded: list[Event] = []
        self.by_provider: list[Event] = []

    def encode(self, event: Event, by_provider: bool = False, /) -> bytes:
        self.encoded.append(event)
        if by_provider:
            self.by_provider.append(event)
        return b"."

    def keep_alive(self) -> bytes:
        return b""


@pytest.mark.parametrize("encoder", [DataStreamEncoder(), UIMessageStreamEncoder()])
def test_events_of_one_read_leave_as_one_frame(encoder: Any) -> None:
    framer = Framer(encoder)

    whole = framer.frame([Start("m"), StepStart(), TextDelta("a"), TextDelta("b")])

    again = type(encoder)()
    pieces = [again.encode(e) for e in (Start("m"), StepStart(), TextDelta("a"), TextDelta("b"))]
    assert whole == b"".join(pieces)
    assert framer.state is State.IN_STEP


def test_an_error_first_closes_the_calls_that_are_owed_a_result() -> None:
    framer = Framer(DataStreamEncoder())
    framer.frame([Start("m"), StepStart(), ToolInputAvailable("c", "t", {})])

    wire = framer.frame([Error("x", "No.")])

    codes = [line[:1] for line in wire.decode().splitlines()]
    assert "".join(codes) == "aef3ed"  # the error in a step of its own: see `last_step`


def test_an_abort_first_closes_the_calls_that_are_owed_a_result() -> None:
    framer = Framer(UIMessageStreamEncoder())
    framer.frame([Start("m"), StepStart(), ToolInputStart("c", "t")])

    wire = framer.frame([Abort()])

    assert b"tool-input-error" in wire.split(b"abort")[0]


def test_an_observer_sees_each_event_that_is_sent() -> None:
    seen: list[Event] = []
    framer = Framer(DataStreamEncoder())
    framer.observe(seen.append)

    framer.frame([Start("m"), StepStart(), TextDelta("a"), ToolInputAvailable("c", "t", {})])
    framer.frame([Error("x", "No.")])

    assert ToolOutputError("c", "No.") in seen
    assert seen[-1] == Error("x", "No.")


def test_an_observer_and_the_encoder_get_the_same_events_in_the_same_order() -> None:
    seen: list[Event] = []
    encoder = Recorder()
    framer = Framer(encoder)
    framer.observe(seen.append)

    framer.frame([Start("m"), StepStart(), TextDelta("a"), ToolInputAvailable("c", "t", {})])
    framer.frame([Error("x", "No.")])

    assert seen == encoder.encoded
    assert seen[4:] == [
        ToolOutputError("c", "No."),
        StepEnd("error"),
        StepStart(),
        Error("x", "No."),
    ]


@pytest.mark.parametrize(
    ("end", "added"),
    [
        (Finish("tool-calls"), [StepStart(), StepEnd("tool-calls")]),
        (Abort(), [StepStart()]),
        (Error("x", "No."), [StepStart()]),
    ],
)
def test_a_turn_that_would_end_on_settled_calls_gets_one_more_step(
    end: Event, added: list[Event]
) -> None:
    encoder = Recorder()

    Framer(encoder).frame([Start("m"), StepStart(), *SETTLED, StepEnd("tool-calls"), end])

    assert encoder.encoded[5:] == [*added, end]


def test_a_turn_that_stops_within_such_a_step_ends_it_first() -> None:
    encoder = Recorder()

    Framer(encoder).frame([Start("m"), StepStart(), *SETTLED, Abort()])

    assert encoder.encoded[4:] == [StepEnd("other"), StepStart(), Abort()]


def test_calls_that_the_provider_ran_add_no_step() -> None:
    encoder = Recorder()
    call: list[Event] = [
        ToolInputStart("c", "t", "provider"),
        ToolInputAvailable("c", "t", {}, "provider"),
        ToolOutputAvailable("c", 1),
    ]
    turn: list[Event] = [Start("m"), StepStart(), *call, StepEnd("stop"), Finish("stop")]

    Framer(encoder).frame(turn)

    assert encoder.encoded == turn


@pytest.mark.parametrize(("executor", "told"), [("server", False), ("provider", True)])
def test_the_encoder_is_told_of_each_event_whether_the_provider_runs_its_call(
    executor: Executor, told: bool
) -> None:
    encoder = Recorder()
    call: list[Event] = [
        ToolInputStart("c", "t", executor),
        ToolInputDelta("c", "{}"),
        ToolInputAvailable("c", "t", {}, executor),
        ToolOutputAvailable("c", 1),
    ]

    Framer(encoder).frame([Start("m"), StepStart(), TextDelta("a"), *call, StepEnd("stop")])

    assert encoder.by_provider == (call if told else [])


def test_an_event_that_breaks_the_grammar_is_neither_sent_nor_observed() -> None:
    seen: list[Event] = []
    encoder = Recorder()
    framer = Framer(encoder)
    framer.observe(seen.append)

    with pytest.raises(OrderError):
        framer.frame([Start("m"), TextDelta("a")])

    assert seen == encoder.encoded == [Start("m")]
    assert framer.state is State.BETWEEN_STEPS


def test_a_frame_of_nothing_is_empty() -> None:
    assert Framer(UIMessageStreamEncoder()).frame([]) == b""


def test_a_source_that_would_run_in_a_page_is_left_out() -> None:
    encoder = Recorder()
    observed: list[Event] = []
    framer = Framer(encoder)
    framer.observe(observed.append)
    page = Source("s2", url="https://acme.com/")

    framer.frame([Start("m1"), StepStart(), Source("s1", url="javascript:alert(1)"), page])

    assert encoder.encoded == observed == [Start("m1"), StepStart(), page]
