"""`app.store.redis_keys`: names that no id can break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.redis_keys import (
    MARK_BYTES,
    SHARDS,
    channel,
    kept_text,
    mark,
    once_key,
    place_of,
    shard_key,
    shard_keys,
    text_bytes,
    uses_key,
    written_place,
)

any_text = st.text(alphabet=st.characters(exclude_categories=[]))


@given(any_text)
def test_any_text_is_kept(text: str) -> None:
    assert kept_text(text_bytes(text)) == text


@given(any_text, any_text, any_text)
def test_a_place_is_found_again(owner: str, chat: str, turn: str) -> None:
    place = place_of(owner, chat)

    assert written_place(place.written()) == place
    keys = (place.chat, *place.turn(turn))
    # What Redis's cluster hashes of a name: what is between the first brace and the next.
    assert len({key.partition(b"{")[2].partition(b"}")[0] for key in keys}) == 1


def test_texts_are_told_apart_wherever_they_are_cut() -> None:
    marks = {mark("ab", "c"), mark("a", "bc"), mark("abc"), mark("abc", ""), mark("", "abc")}

    assert len(marks) == 5
    assert {len(found) for found in marks} == {MARK_BYTES}


def test_the_layout_is_as_it_was() -> None:
    """Other versions of this program read it: a change here loses what is stored."""
    place = place_of("owner", "chat")

    assert place.chat == b"deltaline:{JLGt1ZU7LM4QtBMptg4IWg}"
    assert place.chats == b"deltaline:{_xXig0uJK31oydb21s8xhg}:chats"
    assert place.turn("t{1}") == (place.chat + b":turn:t{1}", place.chat + b":log:t{1}")
    assert shard_key("turn") == b"deltaline:{4}"
    assert once_key("k") == b"deltaline:once:" + mark("k")
    assert uses_key("p") == b"deltaline:uses:" + mark("p")
    assert channel("t") == b"deltaline:turn:t"


@pytest.mark.parametrize("number", range(40))
def test_every_turn_is_in_a_part_that_is_swept(number: int) -> None:
    assert len(shard_keys()) == SHARDS
    assert shard_key(f"turn {number}") in shard_keys()
