"""What a tool of a server gave."""

from base64 import b64encode
from typing import Any

import pytest

from app.mcp.results import MOST_ITEMS, result_of
from app.protocols.tool_result import DataObject, ToolResult
from app.tools import ToolError

PNG = b"\x89PNG"
DATA = b64encode(PNG).decode()


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def given(*content: dict[str, Any], **more: Any) -> Any:
    return result_of({"content": list(content), **more}, tool_name="files_read")


def test_a_text_alone_is_a_text() -> None:
    assert given(text("Hello")) == "Hello"
    assert given(text("Hello"), text("there")) == "Hello\nthere"
    assert given() == ""
    assert result_of({}, tool_name="files_read") == ""


def test_structured_content_is_what_it_is() -> None:
    weather = {"sky": "clear"}

    assert given(text('{"sky": "clear"}'), structuredContent=weather) == weather
    assert given(structuredContent=weather) == weather
    assert given(structuredContent=[1]) == [1]
    assert given(text("Hello"), structuredContent={"result": "Hello"}) == "Hello"


def test_a_text_that_says_more_is_kept_beside_it() -> None:
    assert given(text("Clear!"), structuredContent={"sky": 1}) == ToolResult.ok(
        "Clear!", {"sky": 1}
    )
    assert given(text("["), structuredContent=[1]) == ToolResult.ok("[", {"result": [1]})


def test_an_image_is_a_file() -> None:
    image = {"type": "image", "mimeType": "image/png", "data": DATA}

    result = given(text("Here:"), image, {"type": "audio", "data": DATA})

    assert result == ToolResult.ok(
        "Here:",
        None,
        (
            DataObject(name="image-1.png", content=PNG, mime_type="image/png"),
            DataObject(name="audio-2.bin", content=PNG, mime_type="application/octet-stream"),
        ),
    )


@pytest.mark.parametrize(
    ("media_type", "name"),
    [("image/jpeg", "image-1.jpg"), ("image/svg+xml; x", "image-1.svg"), ("a/../b", "image-1.b")],
)
def test_a_file_is_named_by_its_kind(media_type: str, name: str) -> None:
    result = given({"type": "image", "mimeType": media_type, "data": DATA})

    assert result.data_objects[0].name == name


def test_a_kind_that_is_no_word_is_not_in_the_name() -> None:
    result = given({"type": "image", "mimeType": "image/x y", "data": DATA})

    assert result.data_objects[0].name == "image-1.bin"


def resource(**of_it: Any) -> dict[str, Any]:
    return {"type": "resource", "resource": of_it}


def test_a_resource_is_a_file() -> None:
    result = given(
        resource(uri="file:///notes/a.md?x", text="# A", mimeType="text/markdown"),
        resource(uri="demo://x/", text="B"),
        resource(uri="demo://x/b.png", blob=DATA, mimeType="image/png"),
        resource(uri="demo:", blob=DATA),
    )

    assert list(result.data_objects) == [
        DataObject(
            name="a.md",
            content="# A",
            mime_type="text/markdown",
            metadata={"uri": "file:///notes/a.md?x"},
        ),
        DataObject(
            name="file-2.txt", content="B", mime_type="text/plain", metadata={"uri": "demo://x/"}
        ),
        DataObject(
            name="b.png", content=PNG, mime_type="image/png", metadata={"uri": "demo://x/b.png"}
        ),
        DataObject(
            name="demo:",
            content=PNG,
            mime_type="application/octet-stream",
            metadata={"uri": "demo:"},
        ),
    ]


def test_links_are_data() -> None:
    link = {"type": "resource_link", "uri": "demo://a", "name": "A\u200b", "description": ""}

    assert given(link) == ToolResult.ok("", {"links": [{"uri": "demo://a", "name": "A"}]})
    assert given(link, structuredContent={"n": 1}).data == {
        "n": 1,
        "links": [{"uri": "demo://a", "name": "A"}],
    }


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "JAVA\tSCRIPT:x", "data:text/html,x"])
def test_a_link_that_would_run_in_a_page_is_left_out(uri: str) -> None:
    assert given({"type": "resource_link", "uri": uri.replace("\t", ""), "name": "A"}) == ""


def test_an_error_says_why() -> None:
    with pytest.raises(ToolError, match=r"^No such file\.$") as raised:
        given(text("No such\u200b file."), isError=True)
    assert raised.value.code == "TOOL_FAILED"

    with pytest.raises(ToolError, match="files_read failed and does not say why"):
        given(isError=True)


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"type": "video"},
        {"type": "text"},
        {"type": "text", "text": 1},
        {"type": "image", "data": "no base64!"},
        {"type": "resource", "resource": "x"},
        {"type": "resource", "resource": {"uri": "a:b"}},
        "text",
    ],
    ids=str,
)
def test_what_cannot_be_read_is_an_error(item: Any) -> None:
    with pytest.raises(ToolError, match="What files_read gave cannot be read") as raised:
        given(item)
    assert raised.value.code == "INVALID_OUTPUT"


@pytest.mark.parametrize("content", [[text("x")] * (MOST_ITEMS + 1), {"type": "text"}])
def test_too_many_pieces_are_an_error(content: Any) -> None:
    with pytest.raises(ToolError, match="more than 200 pieces"):
        result_of({"content": content}, tool_name="files_read")
