"""`app.turns.merging`: what is joined, and that nothing else changes."""

from hypothesis import given
from hypothesis import strategies as st

from app.events import (
    Event,
    ReasoningDelta,
    StepStart,
    TextDelta,
    ToolInputDelta,
    ToolInputStart,
)
from app.protocols.text_stream import TextStreamEncoder
from app.turns.merging import merged
from app.turns.transcript import Transcript
from tests.protocols.test_every_encoder import turns


def test_neighbouring_pieces_of_one_text_become_one() -> None:
    events: list[Event] = [
        StepStart(),
        *map(TextDelta, "abc"),
        *map(ReasoningDelta, "de"),
        TextDelta("f"),
        ToolInputStart("1", "t"),
        *(ToolInputDelta("1", piece) for piece in "gh"),
        *(ToolInputDelta("2", piece) for piece in "ij"),
        TextDelta("k"),
    ]

    assert merged(events) == [
        StepStart(),
        TextDelta("abc"),
        ReasoningDelta("de"),
        TextDelta("f"),
        ToolInputStart("1", "t"),
        ToolInputDelta("1", "gh"),
        ToolInputDelta("2", "ij"),
        TextDelta("k"),
    ]


def test_nothing_stays_nothing() -> None:
    assert merged([]) == []


@given(turns(), st.integers(0, 40))
def test_the_message_stays_the_same_wherever_the_turn_is_cut(turn: list[Event], at: int) -> None:
    told, retold = Transcript("m"), Transcript("m")
    encoder, again = TextStreamEncoder(), TextStreamEncoder()
    parts = [*merged(turn[:at]), *merged(turn[at:])]
    for event in turn:
        told.add(event)
    for event in parts:
        retold.add(event)

    assert repr(retold.message()) == repr(told.message())  # NaN is not equal to itself
    assert b"".join(map(again.encode, parts)) == b"".join(map(encoder.encode, turn))
