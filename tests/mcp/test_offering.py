"""Our tools as other people's agents see them."""

import json
from typing import Any

import pytest

from app.mcp.messages import Ask
from app.mcp.offering import CANCELLED, CallEncoder, call_result, description_of, offered
from app.protocols.tool_result import DataObject, ToolResult
from app.tools import client_tool, tool


@tool
def look(place: str) -> str:
    """Look at a place."""
    return place


@tool(needs_approval=True)
def pay() -> None:
    """Pay."""


@tool(needs_approval=lambda call: False)
def maybe() -> None:
    """Perhaps."""


def test_only_what_nobody_has_to_approve_is_offered() -> None:
    tools = {each.name: each for each in (look, pay, maybe, client_tool("locate", "Where?"))}

    assert list(offered(tools)) == ["look"]


def test_a_tool_is_described() -> None:
    described = description_of(look)

    assert described["name"] == "look"
    assert described["description"] == "Look at a place."
    assert described["inputSchema"]["properties"]["place"]["type"] == "string"


PNG, BYTES = b"\x89PNG", b"\x00"


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (ToolResult.ok(), {"content": [], "isError": False}),
        (
            ToolResult.ok(data={"result": "Hello"}),
            {"content": [{"type": "text", "text": "Hello"}], "isError": False},
        ),
        (
            ToolResult.ok("Done", {"result": 3}),
            {
                "content": [
                    {"type": "text", "text": "Done"},
                    {"type": "text", "text": '{"result":3}'},
                ],
                "structuredContent": {"result": 3},
                "isError": False,
            },
        ),
        (
            ToolResult.error("No luck."),
            {"content": [{"type": "text", "text": "No luck."}], "isError": True},
        ),
    ],
)
def test_a_result_is_content(result: ToolResult, expected: dict[str, Any]) -> None:
    assert call_result(result) == expected


def test_files_are_content() -> None:
    files = [
        DataObject(name="a.png", content=PNG, mime_type="image/png"),
        DataObject(name="a.mp3", content=PNG, mime_type="audio/mpeg"),
        DataObject(name="a b.bin", content=BYTES),
        DataObject(name="a.md", content="# A", mime_type="text/markdown"),
        DataObject(name="a.txt", content="A"),
    ]

    content = call_result(ToolResult.ok(data_objects=files))["content"]

    assert content == [
        {"type": "image", "data": "iVBORw==", "mimeType": "image/png"},
        {"type": "audio", "data": "iVBORw==", "mimeType": "audio/mpeg"},
        {
            "type": "resource",
            "resource": {
                "uri": "file:///a%20b.bin",
                "mimeType": "application/octet-stream",
                "blob": "AA==",
            },
        },
        {
            "type": "resource",
            "resource": {"uri": "file:///a.md", "mimeType": "text/markdown", "text": "# A"},
        },
        {
            "type": "resource",
            "resource": {"uri": "file:///a.txt", "mimeType": "text/plain", "text": "A"},
        },
    ]


def message(event: bytes) -> Any:
    assert event.startswith(b"event: message\ndata: ")
    assert event.endswith(b"\n\n")
    return json.loads(event.partition(b"data: ")[2])


def test_a_call_is_events() -> None:
    encoder = CallEncoder(Ask(id=7, method="tools/call", params={"_meta": {"progressToken": "p"}}))

    assert encoder.start().startswith(b":")
    assert encoder.keep_alive().startswith(b":")
    assert message(encoder.status("One"))["params"] == {
        "progressToken": "p",
        "progress": 1,
        "message": "One",
    }
    assert message(encoder.status("Two"))["params"]["progress"] == 2
    assert message(encoder.result(ToolResult.ok()))["id"] == 7
    assert message(encoder.error("It is over.", "shutdown"))["error"] == {
        "code": -32603,
        "message": "It is over.",
    }
    assert encoder.error("Taken back.", CANCELLED) == b""


def test_who_wants_no_progress_gets_none() -> None:
    assert CallEncoder(Ask(id=7, method="tools/call", params={})).status("One") == b""
