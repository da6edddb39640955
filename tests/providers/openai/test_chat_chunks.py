"""Single chunks, usual and unusual."""

from typing import Any

import msgspec
import pytest

from app.providers.openai.chat_chunks import (
    Choice,
    Chunk,
    Delta,
    Function,
    ToolCallDelta,
    decode_chunk,
    decode_variant,
)
from app.providers.openai.token_counts import ChatTokenCounts


def test_the_usual_chunk_is_read_in_one_go() -> None:
    chunk = decode_chunk(
        b'{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
        b'{"role":"assistant","content":"Hi"},"logprobs":null,"finish_reason":null}],"usage":null}'
    )

    assert chunk == Chunk(choices=[Choice(delta=Delta(content="Hi"), index=0)])


@pytest.mark.parametrize(
    ("delta", "read"),
    [
        (rb'{"content":"\ud800x"}', Delta(content="\ud800x")),
        (b'{"content":"\xffx"}', Delta(content="�x")),
        (
            b'{"content":[{"thinking":[{"text":"Hm"}]},{"text":"Hi"},{"type":"reference"},"x"]}',
            Delta(content="Hi", reasoning_content="Hm"),
        ),
        (
            b'{"tool_calls":[{"index":"0","function":{"name":"f","arguments":{"x":1}}}]}',
            Delta(tool_calls=[ToolCallDelta(0, None, Function("f", '{"x": 1}'))]),
        ),
        (
            b'{"tool_calls":[{"index":"0"},{"index":1,"function":{"arguments":"{}"}}]}',
            Delta(tool_calls=[ToolCallDelta(0), ToolCallDelta(1, None, Function(None, "{}"))]),
        ),
        (
            b'{"function_call":{"name":"f","arguments":{}}}',
            Delta(function_call=Function("f", "{}")),
        ),
    ],
)
def test_variants_of_a_delta_are_read(delta: bytes, read: Delta) -> None:
    data = b'{"choices":[{"delta":%b}]}' % delta

    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode_chunk(data)
    assert decode_variant(data) == Chunk(choices=[Choice(delta=read)])


def test_numbers_may_be_written_in_other_ways() -> None:
    data = b'{"choices":[{"delta":null}],"usage":{"prompt_tokens":"3","completion_tokens":2.0}}'

    assert decode_variant(data) == Chunk(choices=[Choice()], usage=ChatTokenCounts(3, 2))


def test_no_data_is_a_chunk_with_nothing_in_it() -> None:
    assert decode_variant(b"") == Chunk()


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"null",
        b"[]",
        b"<html>",
        b'{"choices":1}',
        b'{"choices":[1]}',
        b'{"choices":[{"delta":1}]}',
        b"[" * 99_999,
    ],
)
def test_what_nobody_can_read_is_an_error(data: bytes) -> None:
    error: Any = decode_variant(data).error

    assert error.startswith("malformed chunk (")
    assert error.endswith(data.decode())
