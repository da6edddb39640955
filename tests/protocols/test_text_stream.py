"""The text protocol: nothing but the text."""

from hypothesis import given
from hypothesis import strategies as st

from app.events import Error, Finish, TextDelta
from app.protocols.text_stream import TextStreamEncoder
from tests import sample_turns as turns
from tests.protocols.traces import encode


def test_everything_but_text_is_left_out() -> None:
    assert encode(TextStreamEncoder(), turns.ERROR_TURN) == b"Partial answer then "
    assert encode(TextStreamEncoder(), turns.APPROVAL_TURN) == b"Let me check. "


def test_a_surrogate_pair_split_over_two_deltas_is_whole_again() -> None:
    encoder = TextStreamEncoder()

    wire = [encoder.encode(TextDelta(piece)) for piece in ("a\ud83d", "\ude00b")]

    assert wire == [b"a", "😀b".encode()]


def test_half_a_pair_at_the_end_becomes_a_replacement_character() -> None:
    encoder = TextStreamEncoder()

    wire = encoder.encode(TextDelta("a\ud83d")) + encoder.encode(Finish("stop"))

    assert wire.decode() == "a\ufffd"
    assert encoder.encode(Error("x", "y")) == b""


def test_there_is_no_keep_alive() -> None:
    assert TextStreamEncoder().keep_alive() == b""


@given(st.lists(turns.any_text))
def test_any_text_survives_the_wire(pieces: list[str]) -> None:
    encoder = TextStreamEncoder()

    wire = b"".join(encoder.encode(TextDelta(piece)) for piece in pieces)
    wire += encoder.encode(Finish("stop"))

    text = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert wire.decode() == text
