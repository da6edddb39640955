"""Parses the body of `POST /v1/chat/completions`, as strictly as the real API. No I/O.

The point is to catch a broken client: every tool output must belong to a call of the assistant
message before it, every call must have an output, and a strict schema must follow the strict rules.

Source: openai/openai-python 3.52, types/chat/completion_create_params.py, and the API's error
responses to invalid requests.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias, assert_never

import msgspec

from app.scripted_model.checks import (
    BadRequest,
    check_function,
    check_schema_format,
    decode_body,
    file_from_data,
    file_from_url,
)
from app.scripted_model.conversation import (
    Conversation,
    FinishedCall,
    OfferedTool,
    ReceivedFile,
)
from app.scripted_model.script import tokens

Name: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]


class TextContent(msgspec.Struct, tag="text"):
    text: str


class RefusalContent(msgspec.Struct, tag="refusal"):
    refusal: str


class ImageUrl(msgspec.Struct):
    url: str
    detail: str = "auto"


class ImageContent(msgspec.Struct, tag="image_url"):
    image_url: ImageUrl


class Audio(msgspec.Struct):
    data: str
    format: str


class AudioContent(msgspec.Struct, tag="input_audio"):
    input_audio: Audio


class FileData(msgspec.Struct):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FileContent(msgspec.Struct, tag="file"):
    file: FileData


UserContent: TypeAlias = TextContent | ImageContent | AudioContent | FileContent
AssistantContent: TypeAlias = TextContent | RefusalContent


class CalledFunction(msgspec.Struct):
    name: Name
    arguments: str


class ToolCall(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    type: str
    function: CalledFunction


class SystemMessage(msgspec.Struct, tag_field="role", tag="system"):
    content: str | list[TextContent]


class DeveloperMessage(msgspec.Struct, tag_field="role", tag="developer"):
    content: str | list[TextContent]


class UserMessage(msgspec.Struct, tag_field="role", tag="user"):
    content: str | Annotated[list[UserContent], msgspec.Meta(min_length=1)]


class AssistantMessage(msgspec.Struct, tag_field="role", tag="assistant"):
    content: str | list[AssistantContent] | None = None
    refusal: str | None = None
    tool_calls: Annotated[list[ToolCall], msgspec.Meta(min_length=1)] | None = None


class ToolMessage(msgspec.Struct, tag_field="role", tag="tool"):
    content: str | list[TextContent]
    tool_call_id: str


Message: TypeAlias = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class Function(msgspec.Struct):
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, tag="function"):
    function: Function


class SchemaFormat(msgspec.Struct):
    name: Name
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class TextFormat(msgspec.Struct, tag="text"):
    pass


class JsonObjectFormat(msgspec.Struct, tag="json_object"):
    pass


class JsonSchemaFormat(msgspec.Struct, tag="json_schema"):
    json_schema: SchemaFormat


class StreamOptions(msgspec.Struct):
    include_usage: bool = False


class ChatBody(msgspec.Struct):
    """The keys that the scripted model reads. All others are ignored."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: Annotated[list[Tool], msgspec.Meta(min_length=1)] | None = None
    response_format: TextFormat | JsonObjectFormat | JsonSchemaFormat | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_completion_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


_DECODER = msgspec.json.Decoder(ChatBody)


def read_chat_request(raw: bytes, attempt: int) -> tuple[ChatBody, Conversation]:
    """Return the parsed body and the conversation in it.

    Raises:
        BadRequest: the real API would respond with 400.
    """
    body = decode_body(_DECODER, raw)
    if body.stream_options is not None and not body.stream:
        raise BadRequest("'stream_options' needs 'stream': true.", param="stream_options")
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise BadRequest(
            "'max_tokens' and 'max_completion_tokens' cannot both be set.", param="max_tokens"
        )
    for place, tool in enumerate(body.tools or ()):
        function = tool.function
        check_function(function.parameters, function.strict, f"tools[{place}].function")
    schema = None
    if isinstance(body.response_format, JsonSchemaFormat):
        schema = body.response_format.json_schema.schema or {}
        strict = body.response_format.json_schema.strict
        check_schema_format(schema, strict, "response_format")
    elif isinstance(body.response_format, JsonObjectFormat):
        schema = {"type": "object"}
    return body, Conversation(
        model=body.model,
        user_texts=[
            _text(message) for message in body.messages if isinstance(message, UserMessage)
        ],
        files=_files(body.messages),
        rounds=_rounds(body.messages),
        tools={
            tool.function.name: OfferedTool(tool.function.name, tool.function.parameters or {})
            for tool in body.tools or ()
        },
        schema=schema,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        prompt_tokens=_count(body),
        attempt=attempt,
    )


def _text(message: Message) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    return "\n".join(part.text for part in message.content if isinstance(part, TextContent))


def _files(messages: Sequence[Message]) -> list[ReceivedFile]:
    """Validate the files of every user message; return those of the last one."""
    files: list[ReceivedFile] = []
    for place, message in enumerate(messages):
        if isinstance(message, UserMessage):
            files = list(_files_of(message, f"messages[{place}].content"))
    return files


def _files_of(message: UserMessage, param: str) -> Iterator[ReceivedFile]:
    if isinstance(message.content, str):
        return
    for part in message.content:
        match part:
            case ImageContent(image_url):
                yield file_from_url(image_url.url, param)
            case AudioContent(input_audio):
                yield file_from_data(input_audio.data, f"audio/{input_audio.format}", param)
            case FileContent(file) if file.file_data is not None:
                yield file_from_url(file.file_data, param, name=file.filename)
            case FileContent(file) if file.file_id is not None:
                yield ReceivedFile("application/octet-stream", None, file.file_id)
            case FileContent():
                raise BadRequest("A file needs 'file_data' or 'file_id'.", param=param)
            case TextContent():
                pass
            case _:
                assert_never(part)


def _rounds(messages: Sequence[Message]) -> list[list[FinishedCall]]:
    """Pair calls with outputs in the whole history; return those after the last user message."""
    rounds: list[list[FinishedCall]] = []
    owed: dict[str, ToolCall] = {}
    for place, message in enumerate(messages):
        param = f"messages[{place}]"
        if isinstance(message, ToolMessage):
            call = owed.pop(message.tool_call_id, None)
            if call is None:
                raise BadRequest(
                    "A message of role 'tool' must answer a call in the 'tool_calls' of the "
                    f"assistant message before it; {message.tool_call_id!r} answers none.",
                    param=f"{param}.tool_call_id",
                )
            function = call.function
            rounds[-1].append(FinishedCall(function.name, function.arguments, _text(message)))
            continue
        _refuse_calls_without_output(owed, param)
        if isinstance(message, UserMessage):
            rounds = []
        elif isinstance(message, AssistantMessage):
            if message.content is None and message.refusal is None and not message.tool_calls:
                raise BadRequest(
                    "An assistant message needs 'content', 'refusal' or 'tool_calls'.",
                    param=f"{param}.content",
                )
            if message.tool_calls:
                owed = {call.id: call for call in message.tool_calls}
                rounds.append([])
    _refuse_calls_without_output(owed, "messages")
    return rounds


def _refuse_calls_without_output(owed: Mapping[str, ToolCall], param: str) -> None:
    if owed:
        raise BadRequest(
            "An assistant message with 'tool_calls' must be followed by one message of role "
            f"'tool' for each 'tool_call_id'; missing: {', '.join(owed)}.",
            param=param,
        )


def _count(body: ChatBody) -> int:
    said = sum(4 + len(tokens(_text(message))) for message in body.messages)
    offered = sum(len(tokens(str(tool.function))) for tool in body.tools or ())
    return said + offered
