"""What a tool of an MCP server gave, as a result of ours.

A text alone is a string, structured content alone is what it is. Where there is more (images,
resources, links), the result is a `ToolResult`: text in ``message``, structured content and
``links`` in ``data``, files in ``data_objects``.

Source: Model Context Protocol, revision 2025-11-25, "Tools", "Tool result" (2026-07-28: the same).
"""

import binascii
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from app.mcp.cleaning import MOST_DESCRIPTION_CHARS, clean_text, one_line
from app.protocols.tool_result import DataObject, ToolResult
from app.tools.definition import ToolError

MOST_ITEMS = 200
_MOST_URI_CHARS = 2000
# A page may make a link of an address; these would run in it.
_RUN_IN_PAGES = ("javascript:", "vbscript:", "data:")
_ENDINGS: Mapping[str, str] = {
    "image/jpeg": "jpg",
    "image/svg+xml": "svg",
    "audio/mpeg": "mp3",
    "text/plain": "txt",
    "application/octet-stream": "bin",
}


def result_of(value: Mapping[str, Any], *, tool_name: str) -> Any:
    """Return the output of a call.

    Args:
        value: the ``result`` of ``tools/call``, as it was in JSON.
        tool_name: what the tool is called here.

    Raises:
        ToolError: the result is an error, has too much in it, or is not as the protocol has it.
    """
    content = value.get("content") or ()
    if not isinstance(content, Sequence) or len(content) > MOST_ITEMS:
        raise ToolError(f"{tool_name} gave more than {MOST_ITEMS} pieces.", code="OUTPUT_TOO_LARGE")
    texts: list[str] = []
    files: list[DataObject] = []
    links: list[Mapping[str, str]] = []
    try:
        for item in content:
            _sort(item, texts, files, links)
    except (AttributeError, KeyError, TypeError, binascii.Error) as error:
        raise ToolError(f"What {tool_name} gave cannot be read.", code="INVALID_OUTPUT") from error
    text = "\n".join(texts)
    if value.get("isError"):
        said = clean_text(text, most_chars=MOST_DESCRIPTION_CHARS)
        raise ToolError(said or f"{tool_name} failed and does not say why.", code="TOOL_FAILED")
    structured = value.get("structuredContent")
    if structured == {"result": text}:  # what SDKs make of a function that returns a text
        structured = None
    elif structured is not None and _says_the_same(text, structured):
        text = ""
    if structured is None and not files and not links:
        return text
    if not text and not files and not links:
        return structured
    if structured is not None and not isinstance(structured, dict):
        structured = {"result": structured}
    data: dict[str, Any] | None = structured
    if links:
        data = {**(data or {}), "links": links}
    return ToolResult.ok(text, data, tuple(files))


def _sort(
    item: Mapping[str, Any],
    texts: list[str],
    files: list[DataObject],
    links: list[Mapping[str, str]],
) -> None:
    match item["type"]:
        case "text":
            texts.append(_text(item["text"]))
        case "image" | "audio" as kind:
            media_type = _text(item.get("mimeType") or "application/octet-stream")
            name = f"{kind}-{len(files) + 1}.{_ending(media_type)}"
            files.append(_binary(name, item["data"], media_type))
        case "resource":
            files.append(_resource(item["resource"], len(files) + 1))
        case "resource_link":
            uri = one_line(_text(item["uri"]), most_chars=_MOST_URI_CHARS)
            if not uri.lower().startswith(_RUN_IN_PAGES):
                links.append(_link(item, uri))
        case other:
            raise KeyError(other)


def _resource(resource: Mapping[str, Any], number: int) -> DataObject:
    uri = _text(resource["uri"])
    media_type = resource.get("mimeType")
    if isinstance(blob := resource.get("blob"), str):
        media_type = _text(media_type or "application/octet-stream")
        return _binary(_name(uri) or f"file-{number}.{_ending(media_type)}", blob, media_type, uri)
    media_type = _text(media_type or "text/plain")
    return DataObject(
        name=_name(uri) or f"file-{number}.{_ending(media_type)}",
        content=_text(resource["text"]),
        mime_type=media_type,
        metadata={"uri": uri},
    )


def _link(item: Mapping[str, Any], uri: str) -> Mapping[str, str]:
    more = {
        key: one_line(_text(item[key]))
        for key in ("name", "title", "description", "mimeType")
        if item.get(key)
    }
    return {"uri": uri, **more}


def _binary(name: str, data: Any, media_type: str, uri: str | None = None) -> DataObject:
    return DataObject(
        name=name,
        content=b64decode(_text(data), validate=True),
        mime_type=media_type,
        metadata=None if uri is None else {"uri": uri},
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a {type(value).__name__} in place of a text")
    return value


def _name(uri: str) -> str:
    """Return the last word of an address, as the name of a file."""
    return one_line(uri.partition("?")[0].rpartition("/")[2], most_chars=100)


def _ending(media_type: str) -> str:
    kind = media_type.partition(";")[0].strip().lower()
    ending = _ENDINGS.get(kind, kind.rpartition("/")[2])
    return ending if ending.isalnum() and ending.isascii() else "bin"


def _says_the_same(text: str, structured: Any) -> bool:
    """Return whether a text is the JSON of the structured content, as the protocol recommends."""
    try:
        return bool(json.loads(text) == structured)
    except (ValueError, RecursionError):
        return False
