"""One event of an OpenAI Responses stream: the fields that we read, and servers' variants.

    {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"delta":"Hel",…}

Source: openai-python 3.52, types/responses/response_stream_event.py and response_output_item.py.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias, TypeVar, get_args

import msgspec

from app.providers.openai.token_counts import TokenCounts

T = TypeVar("T")

# Only the fields that we use, in the order of the wire: the decoder skips the rest.


class TextChunk(msgspec.Struct, gc=False):
    """A piece of text or of a refusal."""

    delta: str | None = None


class PieceChunk(msgspec.Struct, gc=False):
    """A piece of reasoning, of arguments or of code, and the item that it belongs to."""

    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    delta: str | None = None


class Annotation(msgspec.Struct, gc=False):
    """What a text cites: the ``url`` of a page, or the ``file_id`` of a file at the provider."""

    url: str | None = None
    title: str | None = None
    file_id: str | None = None
    filename: str | None = None


class AnnotationChunk(msgspec.Struct, gc=False):
    annotation: Annotation | None = None


class ContentPart(msgspec.Struct, gc=False):
    annotations: list[Annotation] | None = None


class Message(msgspec.Struct, tag="message"):
    content: list[ContentPart] | None = None


class Reasoning(msgspec.Struct, tag="reasoning"):
    id: str | None = None
    encrypted_content: str | None = None


class FunctionCall(msgspec.Struct, tag="function_call", frozen=True):
    id: str | None = None
    status: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class WebSearch(msgspec.Struct, tag="web_search_call"):
    id: str | None = None
    status: str | None = None
    action: dict[str, Any] | None = None


class FileSearch(msgspec.Struct, tag="file_search_call"):
    id: str | None = None
    status: str | None = None
    queries: list[Any] | None = None
    results: list[Any] | None = None


class CodeOutput(msgspec.Struct):
    """``logs`` of the code, or the address of an image that it drew."""

    type: str | None = None
    logs: str | None = None
    url: str | None = None


class CodeInterpreter(msgspec.Struct, tag="code_interpreter_call"):
    id: str | None = None
    status: str | None = None
    code: str | None = None
    outputs: list[CodeOutput] | None = None


class ImageGeneration(msgspec.Struct, tag="image_generation_call"):
    """``result`` is the image in base64."""

    id: str | None = None
    status: str | None = None
    output_format: str | None = None
    revised_prompt: str | None = None
    result: str | None = None


class McpCall(msgspec.Struct, tag="mcp_call"):
    """A call that the provider made to a tool of an MCP server. ``arguments`` is JSON text."""

    id: str | None = None
    status: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    error: Any = None


BuiltinCall: TypeAlias = WebSearch | FileSearch | CodeInterpreter | ImageGeneration | McpCall
Item: TypeAlias = Message | Reasoning | FunctionCall | BuiltinCall

_KNOWN_ITEMS = {kind.__struct_config__.tag for kind in get_args(Item)}


class ItemChunk(msgspec.Struct):
    """An output item; None for types that we do not use."""

    output_index: int | None = None
    item: Item | None = None


class IncompleteDetails(msgspec.Struct, gc=False):
    reason: str | None = None


class Response(msgspec.Struct):
    error: Any = None
    incomplete_details: IncompleteDetails | None = None
    usage: TokenCounts | None = None


class ResponseChunk(msgspec.Struct):
    response: Response | None = None


class OtherChunk(msgspec.Struct):
    """The fields that tell what an event without a name is."""

    type: str | None = None
    error: Any = None


# Raises ValueError or RecursionError for data that `read_text` may still be able to read.
decode_text = msgspec.json.Decoder(TextChunk).decode


def _reader(kind: type[T]) -> Callable[[bytes], T]:
    decode = msgspec.json.Decoder(kind).decode

    def read(data: bytes) -> T:
        """Read the data of an event.

        Raises:
            ValueError, RecursionError: it is unreadable.
        """
        try:
            return decode(data)
        except (ValueError, RecursionError):
            return _read_variant(data, kind)

    return read


def _read_variant(data: bytes, kind: type[T]) -> T:
    """Read what msgspec refuses.

    - Lone surrogates, and bytes that are not UTF-8 (read as U+FFFD, as the standard of server-sent
      events demands).
    - Numbers in strings, and whole numbers with a fraction.
    - Items of other types.
    - ``arguments`` as a JSON object instead of its text.
    """
    value = json.loads(data.decode("utf-8", "replace"), parse_constant=_refuse)
    item = value.get("item") if isinstance(value, dict) else None
    if isinstance(item, dict):
        item_type = item.get("type")
        if not isinstance(item_type, str) or item_type not in _KNOWN_ITEMS:
            value["item"] = None
        elif isinstance(item.get("arguments"), dict):
            item["arguments"] = json.dumps(item["arguments"])
    return msgspec.convert(value, kind, strict=False)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


read_text = _reader(TextChunk)
read_piece = _reader(PieceChunk)
read_item = _reader(ItemChunk)
read_annotation = _reader(AnnotationChunk)
read_response = _reader(ResponseChunk)
read_other = _reader(OtherChunk)
