"""Joining the deltas of one network read."""

from functools import partial

from app.events import ReasoningDelta, StepStart, TextDelta, ToolInputDelta
from app.providers.joining import Joiner


def test_neighbouring_deltas_of_one_kind_become_one() -> None:
    first, second = partial(ToolInputDelta, "a"), partial(ToolInputDelta, "b")
    out = Joiner()

    for make, text in [
        (TextDelta, "1"),
        (TextDelta, "2"),
        (ReasoningDelta, "3"),
        (first, "4"),
        (first, "5"),
        (second, "6"),
    ]:
        out.delta(make, text)

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
