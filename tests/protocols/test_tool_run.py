"""`app.protocols.tool_run`: what a tool run writes."""

import json

import pytest

from app.protocols.tool_result import DataObject, ToolResult, to_json
from app.protocols.tool_run import ToolRunEncoder, buffered, for_invoker

START = 1704067200.0


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def test_a_run_has_the_documented_bytes() -> None:
    clock = Clock()
    encoder = ToolRunEncoder(now=clock)

    wire = encoder.start()
    clock.now += 1
    wire += encoder.status("Step 1/5 complete...")
    clock.now += 10
    wire += encoder.keep_alive()
    clock.now += 4
    wire += encoder.result(ToolResult.ok("Processed in 5 steps"))

    assert encoder.media_type == "application/x-ndjson"
    assert wire.decode().splitlines() == [
        '{"type":"status","payload":{"message":"Tool execution started"},"timestamp":1704067200.0}',
        '{"type":"status","payload":{"message":"Step 1/5 complete..."},"timestamp":1704067201.0}',
        '{"type":"heartbeat","payload":{},"timestamp":1704067211.0}',
        (
            '{"type":"result","payload":{"tool_result":{"_schema":"ToolResult",'
            '"_schema_version":"1.0","status":"success","message":"Processed in 5 steps",'
            '"data":null,"data_objects":[],"error_code":null}},"timestamp":1704067215.0}'
        ),
    ]


def test_a_run_that_broke_ends_with_an_error() -> None:
    encoder = ToolRunEncoder(now=Clock())

    last = json.loads(encoder.error("It broke.", "CRASH"))

    assert last["type"] == "error"
    assert last["payload"] == {"error": "It broke.", "error_code": "CRASH"}


@pytest.mark.parametrize("ends_well", [True, False])
def test_nothing_follows_the_last_line(ends_well: bool) -> None:
    encoder = ToolRunEncoder(now=Clock())
    assert encoder.result(ToolResult.ok()) if ends_well else encoder.error("No.", "X")

    assert encoder.status("late") == b""
    assert encoder.keep_alive() == b""
    assert encoder.result(ToolResult.ok()) == b""
    assert encoder.error("No.", "X") == b""


def test_text_that_is_no_text_still_makes_a_line() -> None:
    encoder = ToolRunEncoder(now=Clock())

    wire = encoder.status('line\nbreak "quote" \ud800') + encoder.result(
        ToolResult.ok(data={"x": float("nan")})
    )

    status, result = (json.loads(line) for line in wire.decode().splitlines())
    assert status["payload"]["message"] == 'line\nbreak "quote" \ud800'
    assert result["payload"]["tool_result"]["data"] == {"x": None}


@pytest.mark.parametrize(
    ("result", "data"),
    [
        (ToolResult.ok(data={"city": "Oslo"}), {"city": "Oslo"}),
        (ToolResult.ok("Done"), {"message": "Done"}),
        (ToolResult.partial("Half", {"n": 1}), {"message": "Half", "n": 1}),
        (ToolResult.ok("Done", {"message": "its own"}), {"message": "its own"}),
        (ToolResult.ok(), None),
    ],
)
def test_a_success_in_one_piece(result: ToolResult, data: object) -> None:
    expected = {"success": True, "data": data, "error": None, "error_code": None}
    assert buffered(result) == expected


def test_the_first_line_is_not_repeated() -> None:
    """A remote tool says the same by itself, and its statuses are passed on."""
    encoder = ToolRunEncoder(now=Clock())

    wire = encoder.start() + encoder.status("Tool execution started") + encoder.status("Half")

    messages = [json.loads(line)["payload"]["message"] for line in wire.splitlines()]
    assert messages == ["Tool execution started", "Half"]


def test_who_invokes_the_function_gets_files_in_a_tool_result() -> None:
    file = DataObject(name="a", content="x")
    plain, with_file = ToolResult.ok("Done", {"n": 1}), ToolResult.ok("Done", {"n": 1}, [file])

    assert for_invoker(plain) == buffered(plain)
    assert for_invoker(with_file) == {"success": True, "error": None, **to_json(with_file)}


def test_files_in_one_piece() -> None:
    whole = buffered(ToolResult.ok(data_objects=[DataObject(name="a", content="x")]))

    assert whole["data"]["data_objects"][0]["name"] == "a"


def test_a_failure_in_one_piece() -> None:
    assert buffered(ToolResult.error("No.", error_code="NOT_FOUND")) == {
        "success": False,
        "data": None,
        "error": "No.",
        "error_code": "NOT_FOUND",
    }
