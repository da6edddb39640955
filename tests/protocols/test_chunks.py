"""`app.protocols.chunks`: chunks are counted as the client counts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import Event
from app.protocols.chunks import count_chunks, has_marks, without_chunks
from app.protocols.data_stream import DataStreamEncoder
from app.protocols.encoder import Encoder
from app.protocols.framing import Framer
from app.protocols.negotiation import PROTOCOLS, Dialect, ProtocolName, encoder_for
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from tests.protocols.chunk_pieces import is_chunk, pieces
from tests.protocols.test_every_encoder import turns


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(turn=turns())
def test_the_pieces_of_a_frame_are_the_frame(protocol: ProtocolName, turn: list[Event]) -> None:
    framer = Framer(encoder_for(Dialect(protocol), now=lambda: 0.0))

    for event in turn:
        frame = framer.frame([event])
        assert b"".join(pieces(frame, protocol)) == frame


@given(turn=turns())
def test_each_event_of_a_ui_stream_counts_but_its_end(turn: list[Event]) -> None:
    framer = Framer(UIMessageStreamEncoder())

    found = [piece for event in turn for piece in pieces(framer.frame([event]), "ui")]

    assert [piece for piece in found if not is_chunk(piece)] == [b"data: [DONE]\n\n"]
    assert all(piece.startswith(b"data: ") and piece.endswith(b"}\n\n") for piece in found[:-1])


@given(turn=turns())
def test_each_line_of_a_data_stream_counts(turn: list[Event]) -> None:
    encoder: Encoder = DataStreamEncoder()
    framer = Framer(encoder)

    found = [piece for event in turn for piece in pieces(framer.frame([event]), "data")]

    assert all(piece.count(b"\n") == 1 and is_chunk(piece) for piece in found)


def test_text_counts_as_it_comes() -> None:
    assert pieces(b"a\n\nb", "text") == [b"a\n\nb"]
    assert pieces(b"", "text") == []
    assert [without_chunks(b"a", "text", count) for count in (-1, 0, 1)] == [b"a", b"a", b""]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(turn=turns(), data=st.data())
def test_the_rest_of_a_turn_is_what_follows_the_chunks_that_are_left_out(
    protocol: ProtocolName, turn: list[Event], data: st.DataObject
) -> None:
    framer = Framer(encoder_for(Dialect(protocol), now=lambda: 0.0))
    frames = [framer.frame([event]) for event in turn]
    if has_marks(protocol):
        frames = [b"".join(frames)]

    for frame in frames:
        found = pieces(frame, protocol)
        chunks = [piece for piece in found if is_chunk(piece)]
        has = data.draw(st.integers(min_value=-1, max_value=len(chunks)))
        end = b"".join(piece for piece in found if not is_chunk(piece))
        rest = without_chunks(frame, protocol, has)
        assert count_chunks(frame, protocol) == len(chunks)
        assert rest == b"".join(chunks[max(0, has) :]) + end
