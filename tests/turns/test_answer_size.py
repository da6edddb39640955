"""How long the answer of a turn is, whatever it consists of."""

from collections.abc import Sequence
from itertools import cycle, islice

import pytest

from app.events import (
    Event,
    File,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
)
from app.turns.answer_size import MAX_PARTS, AnswerSize

TEN = "ten bytes "


@pytest.mark.parametrize(
    "events",
    [
        [TextDelta(TEN)],
        [TextDelta("ééééé")],
        [ReasoningDelta(TEN)],
        [TextDelta("five "), ReasoningDelta("five ")],
        [ReasoningSignature(TEN)],
        [ReasoningRedacted(TEN)],
        [ToolInputStart("c", "f"), ToolInputDelta("c", '{"a":'), ToolInputDelta("c", "1234}")],
        # Arguments that come in pieces and then as a whole count once.
        [ToolInputDelta("c", '{"a":1234}'), ToolInputAvailable("c", "f", {"a": 1234})],
        [ToolInputAvailable("c", "f", {"a": 1234})],
        [ToolInputError("c", "f", "12345678", "No.")],
        [ToolOutputAvailable("c", [123, 4567])],
        [File("image/png", "data:;,abc")],
        [Source("s", url="http:", title="title")],
        [Source("s"), TextDelta(TEN)],
    ],
)
def test_each_of_these_is_ten_bytes(events: Sequence[Event]) -> None:
    enough, too_little = AnswerSize(10), AnswerSize(9)
    step = [StepStart(), *events, StepEnd("stop")]

    assert enough.take(step) is step
    assert not enough.is_over
    assert len(too_little.take(step)) < len(step)
    assert too_little.is_over


def test_all_steps_count_together_and_the_last_piece_is_cut() -> None:
    size = AnswerSize(25)
    for _ in range(2):
        size.take([StepStart(), TextDelta(TEN), StepEnd("tool-calls")])
        assert not size.is_over

    assert size.take([StepStart(), TextDelta(TEN), TextDelta(TEN)]) == [
        StepStart(),
        TextDelta("ten b"),
    ]
    assert size.is_over


@pytest.mark.parametrize(
    ("event", "cut"),
    [
        (TextDelta("aaé"), [TextDelta("aa")]),
        (ReasoningDelta("aaaa"), [ReasoningDelta("aaa")]),
        (TextDelta("😀"), []),
        (ToolInputDelta("c", "aaaa"), []),
        (File("image/png", "data:"), []),
    ],
)
def test_text_is_cut_between_characters_and_nothing_else_is_cut(
    event: Event, cut: list[Event]
) -> None:
    assert AnswerSize(3).take([event]) == cut


def test_an_answer_has_only_so_many_parts_be_they_empty() -> None:
    in_turns: Sequence[Event] = [TextDelta("a"), ReasoningDelta("b")]
    size = AnswerSize(10**9)
    size.take(list(islice(cycle(in_turns), MAX_PARTS)))
    assert not size.is_over

    assert size.take(in_turns) == []
    assert size.is_over


def test_a_text_of_any_number_of_pieces_is_one_part() -> None:
    size = AnswerSize(10**9)

    for _ in range(2 * MAX_PARTS):
        size.take([TextDelta("a")])

    assert not size.is_over


def test_a_piece_by_itself_is_cut_as_one_among_others_is() -> None:
    size = AnswerSize(25)
    size.take([TextDelta(TEN), TextDelta(TEN)])

    assert size.take([TextDelta(TEN)]) == [TextDelta("ten b")]
    assert size.is_over
