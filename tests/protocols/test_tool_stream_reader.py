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
    "body",
    [
        b"<html>502 Bad Gateway</html>",
        b"Traceback (most recent call last):\n  boom\n",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type":"metric","payload":{}}\n{"type":"metric","payload":{}}',
    ],
)
def test_what_is_neither_a_stream_nor_json_is_refused(body: bytes) -> None:
    with pytest.raises(ToolStreamError) as caught:
        read(body + b"\n")

    assert caught.value.code == "BAD_LINE"


@pytest.mark.parametrize(
    "line",
    [b"Warning: low memory", b'{"type"', b"[]", b"7", b"{}", b'{"payload":{}}', b'{"type":7}'],
)
def test_a_line_of_something_else_within_a_stream_is_skipped(line: bytes) -> None:
    first, *rest = a_run().splitlines(keepends=True)

    assert read(line + b"\n" + first + line + b"\n" + b"".join(rest)) == A_RUN


def test_an_empty_status_is_skipped() -> None:
    wire = b'{"type":"status","payload":{"message":""}}\n{"type":"status","payload":{}}\n'

    assert read(wire + a_run()) == A_RUN


@pytest.mark.parametrize(
    ("payload", "result"),
    [
        ({"tool_result": {"city": "Oslo"}}, ToolResult.ok(data={"city": "Oslo"})),
        ({"tool_result": "done"}, ToolResult.ok(data={"result": "done"})),
        ({"tool_result": {"status": "odd"}}, ToolResult(status="odd", data_objects=[])),
        ({}, ToolResult.ok(data={})),
        (None, ToolResult.ok(data={})),
    ],
)
def test_a_result_line_may_hold_anything(payload: Any, result: ToolResult) -> None:
    assert read(json.dumps({"type": "result", "payload": payload}).encode()) == [RunResult(result)]


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
        ({"success": "yes", "data": {}}, RunResult(ToolResult.ok(data={}))),
        ({"success": 0}, RunError("The tool gave no reason.", "REMOTE_ERROR")),
        (
            {"_schema": "ToolResult", "status": "success", "message": "Done"},
            RunResult(ToolResult.ok("Done", data_objects=[])),
        ),
        (
            {"_schema": "ToolResult", "status": "fine", "success": False},
            RunResult(ToolResult(status="fine", data_objects=[])),
        ),
        ({"statusCode": 200, "body": '{"n": 1}'}, RunResult(ToolResult.ok(data={"n": 1}))),
        ({"statusCode": 200, "body": {"n": 1}}, RunResult(ToolResult.ok(data={"n": 1}))),
        ({"statusCode": 200, "body": "plain"}, RunResult(ToolResult.ok(data={"result": "plain"}))),
        (
            {"statusCode": 200, "body": "\ud800"},
            RunResult(ToolResult.ok(data={"result": "\ud800"})),
        ),
        ({"statusCode": 204}, RunResult(ToolResult.ok())),
        (
            {"statusCode": 200, "body": '{"success":false,"error":"No."}'},
            RunError("No.", "REMOTE_ERROR"),
        ),
        (
            {"statusCode": 200, "body": '{"_schema":"ToolResult","message":"M"}'},
            RunResult(ToolResult.ok("M", data_objects=[])),
        ),
        (
            {"statusCode": 404, "body": "nobody"},
            RunError("The tool answered with HTTP status 404.", "HTTP_404"),
        ),
        ({"statusCode": "200"}, RunResult(ToolResult.ok(data={"statusCode": "200"}))),
        ({"city": "Oslo"}, RunResult(ToolResult.ok(data={"city": "Oslo"}))),
        ({"status": "ok"}, RunResult(ToolResult.ok(data={"status": "ok"}))),
        (
            {"type": "status", "message": "on"},
            RunResult(ToolResult.ok(data={"type": "status", "message": "on"})),
        ),
        ({"payload": {}}, RunResult(ToolResult.ok(data={"payload": {}}))),
        ("done", RunResult(ToolResult.ok(data={"result": "done"}))),
        ([1, 2], RunResult(ToolResult.ok(data={"result": [1, 2]}))),
        (None, RunResult(ToolResult.ok())),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_response_in_one_piece_is_read_too(whole: Any, line: RunLine, indent: int | None) -> None:
    assert read(json.dumps(whole, indent=indent).encode()) == [line]


def test_a_response_in_one_piece_is_read_only_when_it_has_ended() -> None:
    """What comes after it may be the word that the function failed."""
    reader = ToolStreamReader()

    assert reader.feed(b'{"errorMessage": "boom"}\n') == []
    assert reader.close() == [RunResult(ToolResult.ok(data={"errorMessage": "boom"}))]


def test_a_response_in_one_piece_may_not_be_too_long() -> None:
    reader = ToolStreamReader(max_line_bytes=10)
    reader.feed(b"[1,2,3,\n")

    with pytest.raises(ToolStreamError) as caught:
        reader.feed(b"4,5]\n")

    assert caught.value.code == "BAD_LINE"
