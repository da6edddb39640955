"""Events as servers really send them, and events that nobody can read."""

import json
from typing import Any

import pytest

from app.providers.openai.responses_chunks import (
    FunctionCall,
    PieceChunk,
    TextChunk,
    WebSearch,
    decode_text,
    read_item,
    read_piece,
    read_text,
)


@pytest.mark.parametrize(
    ("data", "chunk"),
    [
        (b'{"type":"x","delta":"a","output_index":1}', TextChunk(delta="a")),
        (b'{"delta":null}', TextChunk()),
        (b"{}", TextChunk()),
        (b'{"delta":"\\ud800"}', TextChunk(delta="\ud800")),
        (b'{"delta":"\xff"}', TextChunk(delta="\ufffd")),
    ],
)
def test_texts_are_read_in_every_variant(data: bytes, chunk: TextChunk) -> None:
    assert read_text(data) == chunk


@pytest.mark.parametrize(
    ("data", "chunk"),
    [
        (b'{"delta":"a","output_index":1}', PieceChunk(output_index=1, delta="a")),
        (b'{"delta":"a","output_index":"1"}', PieceChunk(output_index=1, delta="a")),
        (b'{"delta":"a","output_index":1.0}', PieceChunk(output_index=1, delta="a")),
        (b'{"item_id":"fc_1","delta":"\\ud800"}', PieceChunk(item_id="fc_1", delta="\ud800")),
    ],
)
def test_a_piece_tells_its_item_in_every_variant(data: bytes, chunk: PieceChunk) -> None:
    assert read_piece(data) == chunk


def test_the_usual_text_needs_no_second_look() -> None:
    assert decode_text(b'{"delta":"a"}') == TextChunk(delta="a")


@pytest.mark.parametrize(
    "data", [b"", b"no JSON", b"[]", b'{"delta":1}', b'{"delta":NaN}', b"[" * 100_000]
)
def test_what_nobody_can_read_is_refused(data: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_text(data)


@pytest.mark.parametrize(
    ("item", "read"),
    [
        ({"type": "function_call", "name": "f"}, FunctionCall(name="f")),
        ({"type": "function_call", "arguments": {"x": 1}}, FunctionCall(arguments='{"x": 1}')),
        (
            {"type": "web_search_call", "action": {"query": "\ud800"}},
            WebSearch(action={"query": "\ud800"}),
        ),
        ({"type": "computer_call", "id": "cu_1"}, None),
        ({"type": None}, None),
        ({"type": ["function_call"]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_items_are_read_and_those_of_other_types_are_none(item: Any, read: object) -> None:
    data = json.dumps({"output_index": 3, "item": item}).encode()

    chunk = read_item(data)

    assert chunk.output_index == 3
    assert chunk.item == read


def test_an_item_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="item"):
        read_item(b'{"item":"web_search_call"}')
