"""What both request bodies make of message parts."""

from typing import Any

import pytest

from app.messages import FilePart, Part, ReasoningPart, TextPart, ToolCallPart, ToolOutputPart
from app.protocols.tool_result import DataObject, data_object_to_json
from app.providers.openai.message_parts import (
    arguments_of,
    filename_of,
    joined_text,
    output_of,
    user_content,
)

PNG = FilePart("image/png", "data:image/png;base64,AAAA")


def shown(part: FilePart) -> dict[str, Any]:
    return {"file": part.url}


def test_only_text_is_joined() -> None:
    parts: list[Part] = [TextPart("a"), ReasoningPart("not this"), TextPart("b")]

    assert joined_text(parts) == "a\nb"
    assert joined_text(parts, "") == "ab"


def test_a_user_without_files_is_sent_as_a_string() -> None:
    assert user_content([TextPart("a"), TextPart("b")], "text", shown) == "a\nb"


def test_a_user_with_files_is_sent_as_a_list_in_order() -> None:
    parts: list[Part] = [TextPart("a"), PNG, ReasoningPart("not the user's"), TextPart("b")]

    assert user_content(parts, "input_text", shown) == [
        {"type": "input_text", "text": "a"},
        {"file": PNG.url},
        {"type": "input_text", "text": "b"},
    ]


def test_a_file_has_its_own_name_or_one_made_of_its_type() -> None:
    assert filename_of(FilePart("text/csv", "data:,x", "a.txt")) == "a.txt"
    assert filename_of(FilePart("text/csv", "data:,x")) == "file.csv"


def test_arguments_are_json_text() -> None:
    assert arguments_of(ToolCallPart("c", "t", {"a": "\ud800"})) == '{"a":"\ufffd"}'


@pytest.mark.parametrize(
    ("output", "text"), [("as it is", "as it is"), ({"a": 1}, '{"a":1}'), (None, "null")]
)
def test_an_output_is_text(output: object, text: str) -> None:
    assert output_of(ToolOutputPart("c", "t", output)) == text


def test_a_file_for_the_artifact_store_is_not_in_the_text() -> None:
    scan = DataObject(name="scan.png", content=b"\xff" * 300_000, disposition="artifact")
    output = {"status": "success", "message": "M", "data_objects": [data_object_to_json(scan)]}

    text = output_of(ToolOutputPart("c", "t", output))

    assert len(text) < 200
    assert '"name":"scan.png"' in text
    assert '"size_bytes":300000' in text
