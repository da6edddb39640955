"""Parses the body of `POST /v1/responses`, as strictly as the real API. No I/O.

Source: openai/openai-python 3.52, types/responses/response_create_params.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias, assert_never

import msgspec

from app.scripted_model.checks import (
    BadRequest,
    check_function,
    check_schema_format,
    decode_body,
    file_from_url,
    refused_types,
)
from app.scripted_model.conversation import (
    Conversation,
    FinishedCall,
    OfferedTool,
    ReceivedFile,
)
from app.scripted_model.responses_items import (
    Content,
    FunctionCall,
    FunctionCallOutput,
    InputFile,
    InputImage,
    InputText,
    Item,
    Message,
    Name,
    OutputText,
    Reasoning,
    Refusal,
)
from app.scripted_model.script import tokens


class FunctionTool(msgspec.Struct, tag="function"):
    name: Name
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class WebSearchTool(msgspec.Struct, tag="web_search"):
    pass


class CodeInterpreterTool(msgspec.Struct, tag="code_interpreter"):
    container: str | dict[str, Any]


Tool: TypeAlias = FunctionTool | WebSearchTool | CodeInterpreterTool


class PlainFormat(msgspec.Struct, tag="text"):
    pass


class JsonObjectFormat(msgspec.Struct, tag="json_object"):
    pass


class JsonSchemaFormat(msgspec.Struct, tag="json_schema"):
    name: Name
    schema: dict[str, Any]
    strict: bool | None = None


class TextSettings(msgspec.Struct):
    format: PlainFormat | JsonObjectFormat | JsonSchemaFormat | None = None


class ResponsesBody(msgspec.Struct):
    """The keys that the scripted model reads. All others are ignored."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    input: str | Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1)]
    instructions: str | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    text: TextSettings | None = None
    include: list[str] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=16)] | None = None
    previous_response_id: str | None = None

    @property
    def encrypt_reasoning(self) -> bool:
        return "reasoning.encrypted_content" in (self.include or ())

    def echoed(self) -> Mapping[str, Any]:
        """Return the request's values that the response repeats."""
        return {
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "tools": msgspec.to_builtins(self.tools or []),
        }


_DECODER = msgspec.json.Decoder(ResponsesBody)


def read_responses_request(raw: bytes, attempt: int) -> tuple[ResponsesBody, Conversation]:
    """Return the parsed body and the conversation in it.

    Raises:
        BadRequest: the real API would respond with 400.
    """
    body = decode_body(_DECODER, raw)
    if body.previous_response_id is not None:
        raise BadRequest(
            f"Previous response with id '{body.previous_response_id}' not found: nothing is kept.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    functions = [tool for tool in body.tools or () if isinstance(tool, FunctionTool)]
    for place, function in enumerate(functions):
        check_function(function.parameters, function.strict, f"tools[{place}]")
    items = list(_items(body.input))
    users = [item for item in items if isinstance(item, Message) and item.role == "user"]
    files = [list(_files_of(message)) for message in users]
    return body, Conversation(
        model=body.model,
        user_texts=[_text(message.content) for message in users],
        files=files[-1] if files else (),
        rounds=_rounds(items),
        tools={tool.name: OfferedTool(tool.name, tool.parameters or {}) for tool in functions},
        schema=_schema(body),
        max_tokens=body.max_output_tokens,
        prompt_tokens=len(tokens(str(items))) + len(tokens(body.instructions or "")),
        attempt=attempt,
    )


def _items(given: str | Sequence[dict[str, Any]]) -> Iterator[Item]:
    if isinstance(given, str):
        yield Message("user", given)
        return
    for place, raw in enumerate(given):
        try:
            # Only messages may come without a type.
            item: Item = msgspec.convert({"type": "message", **raw}, Item)
        except msgspec.ValidationError as error:
            raise refused_types(error, f"input[{place}]") from None
        if isinstance(item, Message):
            _check_content(item, f"input[{place}].content")
        yield item


def _check_content(message: Message, param: str) -> None:
    if isinstance(message.content, str):
        return
    written = (OutputText, Refusal)
    if any(isinstance(part, written) != (message.role == "assistant") for part in message.content):
        raise BadRequest(
            "Messages of the assistant have 'output_text' and 'refusal', all others 'input_text', "
            "'input_image' and 'input_file'.",
            param=param,
            code="invalid_value",
        )


def _text(content: str | Sequence[Content]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.text for part in content if isinstance(part, InputText | OutputText))


def _files_of(message: Message) -> Iterator[ReceivedFile]:
    if isinstance(message.content, str):
        return
    for part in message.content:
        match part:
            case InputImage(image_url=str() as url):
                yield file_from_url(url, "input")
            case InputFile(file_data=str() as url, filename=name):
                yield file_from_url(url, "input", name=name)
            case InputFile(file_url=str() as url):
                yield file_from_url(url, "input")
            case InputImage(file_id=str() as name) | InputFile(file_id=str() as name):
                yield ReceivedFile("unknown", None, name)
            case InputImage() | InputFile():
                raise BadRequest("An image or file needs its data, address or id.", param="input")
            case InputText() | OutputText() | Refusal():
                pass
            case _:
                assert_never(part)


def _rounds(items: Sequence[Item]) -> list[list[FinishedCall]]:
    """Pair calls with outputs in the whole history; return those after the last user message."""
    rounds: list[list[FinishedCall]] = []
    calls: dict[str, FunctionCall] = {}
    outputs_began = True
    for place, item in enumerate(items):
        match item:
            case Message(role="user"):
                rounds = []
            case FunctionCall(call_id):
                calls[call_id] = item
                if outputs_began or not rounds:
                    rounds.append([])
                outputs_began = False
            case FunctionCallOutput(call_id, output):
                call = calls.pop(call_id, None)
                if call is None:
                    raise BadRequest(
                        f"No tool call found for function call output with call_id {call_id}.",
                        param=f"input[{place}]",
                    )
                outputs_began = True
                if not rounds:
                    rounds.append([])
                rounds[-1].append(FinishedCall(call.name, call.arguments, _text(output)))
            case Reasoning(id=name) if not _is_followed(items, place):
                raise BadRequest(
                    f"Item '{name}' of type 'reasoning' was provided without the item that "
                    "follows it.",
                    param=f"input[{place}]",
                )
            case _:
                pass
    if calls:
        raise BadRequest(
            f"No tool output found for function call {', '.join(calls)}.", param="input"
        )
    return rounds


def _is_followed(items: Sequence[Item], place: int) -> bool:
    """Tell whether the reasoning at ``place`` is followed by the output it led to."""
    match items[place + 1 : place + 2]:
        case [] | [FunctionCallOutput()]:
            return False
        case [Message(role=role)]:
            return role == "assistant"
        case _:
            return True


def _schema(body: ResponsesBody) -> Mapping[str, Any] | None:
    match body.text and body.text.format:
        case JsonSchemaFormat(schema=schema, strict=strict):
            check_schema_format(schema, strict, "text.format")
            return schema
        case JsonObjectFormat():
            return {"type": "object"}
        case _:
            return None
