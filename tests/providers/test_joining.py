"""Joining the deltas of one network read."""

from functools import partial

from app.events import ReasoningDelta, StepStart, TextDelta, ToolInputDelta
from app.providers.joining import Joiner


def test_neighbouring_deltas_of_one_kind_become_one() -> None:
    first, second = partial(ToolInputDelta, "a"), partial(ToolInputDelta, "b")
    out = Joiner()

    out.delta(TextDelta, "1")
    out.delta(TextDelta, "2")
    out.delta(ReasoningDelta, "3")
    out.delta(first, "4")
    out.delta(first, "5")
    out.delta(second, "6")

    assert out.take() == [
        TextDelta("12"),
        ReasoningDelta("3"),
        ToolInputDelta("a", "45"),
        ToolInputDelta("b", "6"),
    ]


def test_another_event_stays_between_the_deltas_around_it() -> None:
    out = Joiner()

    out.delta(TextDelta, "1")
    out.extend([StepStart(), StepStart()])
    out.delta(TextDelta, "2")

    assert out.take() == [TextDelta("1"), StepStart(), StepStart(), TextDelta("2")]


def test_nothing_in_gives_nothing_out() -> None:
    assert Joiner().take() == []
