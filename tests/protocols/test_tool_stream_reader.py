"""`app.protocols.tool_stream_reader`: what a caller reads of a tool run."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.tool_result import ToolResult
from app.protocols.tool_run import ToolRunEncoder, buffered
from app.protocols.tool_stream_reader import (
    MAX_STATUS_CHARACTERS,
    RunError,
    RunLine,
    RunResult,
    RunStatus,
    ToolStreamError,
    ToolStreamReader,
)

DONE = ToolResult.ok("Done", {"n": 1}, [])


def read(*pieces: bytes) -> list[RunLine]:
    reader = ToolStreamReader()
    lines = [line for piece in pieces for line in reader.feed(piece)]
    return [*lines, *reader.close()]


def a_run() -> bytes:
    encoder = ToolRunEncoder(now=lambda: 1.5)
    return (
        encoder.start()
        + encoder.keep_alive()
        + encoder.status("é 漢 \ud800")
        + encoder.result(DONE)
    )


A_RUN: list[RunLine] = [
    RunStatus("Tool execution started"),
    RunStatus("é 漢 \ud800"),
    RunResult(DONE),
]


@given(st.lists(st.integers(0, len(a_run()))))
def test_any_split_gives_the_same_lines(cuts: list[int]) -> None:
    wire = a_run()
    edges = [0, *sorted(cuts), len(wire)]

    assert read(*(wire[begin:end] for begin, end in itertools.pairwise(edges))) == A_RUN


def test_a_line_is_read_as_soon_as_it_is_whole() -> None:
    reader = ToolStreamReader()
    line = ToolRunEncoder(now=lambda: 0.0).status("one")

    assert reader.feed(line[:-1]) == []
    assert reader.feed(line[-1:] + b'{"type"') == [RunStatus("one")]


def test_the_last_line_needs_no_newline() -> None:
    assert read(a_run().rstrip(b"\n")) == A_RUN


def test_blank_lines_carriage_returns_and_unknown_types_are_skipped() -> None:
    wire = b'\n \r\n{"type":"metric","payload":{}}\r\n{"type":7}\n' + a_run()

    assert read(wire) == A_RUN


def test_what_follows_the_last_line_is_not_read() -> None:
    assert read(a_run() + b"garbage\n" + a_run(), b"more garbage\n") == A_RUN


@pytest.mark.parametrize("length", range(0, len(a_run()) - 2))
def test_a_stream_that_is_cut_has_no_result(length: int) -> None:
    with pytest.raises(ToolStreamError) as caught:
        read(a_run()[:length])

    assert caught.value.code in ("NO_RESULT", "BAD_LINE")


def test_a_stream_that_is_cut_between_lines_has_no_result() -> None:
    wire = b"".join(a_run().splitlines(keepends=True)[:-1])

    with pytest.raises(ToolStreamError) as caught:
        read(wire)

    assert caught.value.code == "NO_RESULT"


@pytest.mark.parametrize(
    "line",
    [
        b"<html>502 Bad Gateway</html>",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        b'{"payload":{}}',
        b'{"type":"result"}',
        b'{"type":"result","payload":{"tool_result":{"status":"odd"}}}',
        b'{"success":"yes"}',
    ],
)
def test_a_line_that_is_none_ends_the_reading(line: bytes) -> None:
    with pytest.raises(ToolStreamError) as caught:
        read(line + b"\n")

    assert caught.value.code == "BAD_LINE"


def test_a_line_may_not_grow_without_end() -> None:
    reader = ToolStreamReader(max_line_bytes=10)
    reader.feed(b"          ")

    with pytest.raises(ToolStreamError) as caught:
        reader.feed(b" ")

    assert caught.value.code == "BAD_LINE"


def test_a_line_that_comes_in_pieces_may_not_be_too_long_either() -> None:
    reader = ToolStreamReader(max_line_bytes=10)
    reader.feed(b"     ")

    with pytest.raises(ToolStreamError) as caught:
        reader.feed(b"      \n")

    assert caught.value.code == "BAD_LINE"


@pytest.mark.parametrize("flood", [b"\n", b'{"type":"heartbeat"}\n', b" \n"])
def test_lines_may_not_come_without_end(flood: bytes) -> None:
    by_lines = ToolStreamReader(max_lines=100)
    by_bytes = ToolStreamReader(max_bytes=100 * len(flood))

    for reader in (by_lines, by_bytes):
        for _ in range(100):
            assert reader.feed(flood) == []
        with pytest.raises(ToolStreamError) as caught:
            reader.feed(flood)
        assert caught.value.code == "TOO_LONG"


def test_a_status_is_cut_to_a_line_that_can_be_shown() -> None:
    line = json.dumps({"type": "status", "payload": {"message": "x" * 1_000_000}}).encode()

    assert ToolStreamReader().feed(line + b"\n") == [RunStatus("x" * MAX_STATUS_CHARACTERS)]


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"error": "It broke.", "error_code": "CRASH"}, RunError("It broke.", "CRASH")),
        ({}, RunError("The tool gave no reason.", "REMOTE_ERROR")),
        ({"error": 7, "error_code": None}, RunError("The tool gave no reason.", "REMOTE_ERROR")),
        (None, RunError("The tool gave no reason.", "REMOTE_ERROR")),
    ],
)
def test_an_error_line_is_the_last(payload: Any, error: RunError) -> None:
    assert read(json.dumps({"type": "error", "payload": payload}).encode()) == [error]


@pytest.mark.parametrize(
    ("whole", "line"),
    [
        (buffered(ToolResult.ok(data={"n": 1})), RunResult(ToolResult.ok(data={"n": 1}))),
        (buffered(ToolResult.error("No.", error_code="X")), RunError("No.", "X")),
        ({"success": True}, RunResult(ToolResult.ok())),
        ({"success": True, "data": [1]}, RunResult(ToolResult.ok(data={"result": [1]}))),
        (
            {"_schema": "ToolResult", "status": "success", "message": "Done"},
            RunResult(ToolResult.ok("Done", data_objects=[])),
        ),
    ],
)
def test_a_response_in_one_piece_is_read_too(whole: Any, line: RunLine) -> None:
    assert read(json.dumps(whole).encode()) == [line]
