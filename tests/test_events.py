"""The events' own behaviour: usage adds up and says what it knows."""

from collections.abc import Set
from types import ModuleType
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import (
    Abort,
    CallEvent,
    Data,
    Event,
    File,
    Metadata,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    Status,
    StepEnd,
    StepStart,
    Terminal,
    TextDelta,
    Usage,
)
from app.protocols import text_stream
from app.turns import progress

counts = st.none() | st.integers(0, 10**9)
usages = st.builds(Usage, counts, counts, counts, counts)


def test_counts_add_up_one_by_one() -> None:
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)


def test_an_unknown_count_adds_nothing_and_stays_unknown_beside_another() -> None:
    assert Usage(1, None, 3, None) + Usage(None, 20, 30, None) == Usage(1, 20, 33, None)


@given(usages, usages, usages)
def test_the_order_of_the_steps_does_not_change_the_sum(a: Usage, b: Usage, c: Usage) -> None:
    assert (a + b) + c == c + (b + a)
    assert a + Usage() == a


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (Usage(), {}),
        (Usage(3), {"inputTokens": 3, "totalTokens": 3}),
        (Usage(None, 0), {"outputTokens": 0, "totalTokens": 0}),
        (
            Usage(3, 4, 2, 1),
            {
                "inputTokens": 3,
                "outputTokens": 4,
                "totalTokens": 7,
                "reasoningTokens": 2,
                "cachedInputTokens": 1,
            },
        ),
    ],
)
def test_only_known_counts_are_told(usage: Usage, counted: dict[str, int]) -> None:
    assert usage.counted() == counted


def test_no_event_can_be_changed() -> None:
    for event in get_args(Event):
        assert event.__struct_config__.frozen

    with pytest.raises(AttributeError):
        TextDelta("a").text = "b"  # type: ignore[misc]


def test_each_event_of_a_call_names_it() -> None:
    for event in get_args(CallEvent):
        assert "tool_call_id" in event.__struct_fields__


def test_events_can_be_written_and_read_again() -> None:
    event = TextDelta("a")

    assert msgspec.convert(msgspec.to_builtins(event), TextDelta) == event


# What these two leave out. They do not name it, so mypy cannot ask them about a new event; all
# others that take events end their `match` in `assert_never`.
_REASONING = {ReasoningDelta, ReasoningSignature, ReasoningRedacted}
_ANNOTATIONS = {Status, Source, File, Data, Metadata}
_CALLS = set(get_args(CallEvent))
_LEFT_OUT: dict[ModuleType, Set[type]] = {
    text_stream: {Start, StepStart, *_REASONING, *_CALLS, *_ANNOTATIONS, StepEnd}
    | set(get_args(Terminal)),
    progress: {TextDelta, *_REASONING, *_CALLS, *_ANNOTATIONS, StepEnd, Abort},
}


@pytest.mark.parametrize("module", _LEFT_OUT, ids=lambda module: module.__name__)
def test_who_leaves_events_out_has_decided_about_each(module: ModuleType) -> None:
    events = set(get_args(Event))

    named = {event for event in events if vars(module).get(event.__name__) is event}

    assert named == events - _LEFT_OUT[module]
