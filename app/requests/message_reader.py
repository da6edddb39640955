"""A message of a client, from JSON to `ClientMessage`. Unknown part types and keys are ignored."""

from collections.abc import Callable, Collection
from typing import Any, cast, get_args

from app.requests.client_message import (
    Approval,
    Attachment,
    ClientMessage,
    DynamicTool,
    File,
    Image,
    InlineFile,
    Invocation,
    Part,
    Reasoning,
    ReasoningDetail,
    Role,
    StepStart,
    Text,
    Tool,
    ToolCall,
    ToolInvocation,
)
from app.requests.fields import (
    Misfit,
    boolean,
    json_object,
    list_of,
    optional,
    required,
    sized_string,
    string,
)
from app.requests.file_url import FileUrl, read_base64, read_url

_TOOL_PREFIX = "tool-"
_ROLES: tuple[str, ...] = get_args(Role)

# A length limit also refuses lone surrogates, which no id or name needs.
name = sized_string(256)
_tool_name = sized_string(256, min_length=1)
# Some model servers pack state into their call ids.
_call_id = sized_string(16_384, min_length=1)


def read_message(value: Any, hosts: Collection[str] = ()) -> ClientMessage:
    """Read a message.

    Args:
        value: JSON.
        hosts: those of files, as for `read_url`.

    Raises:
        Misfit: it is no message.
    """
    fields = json_object(value)

    def part(value: Any) -> Part:
        return read_part(value, hosts)

    parts = list_of(part)

    def content(value: Any) -> str | list[Part]:
        if isinstance(value, str):
            return value
        if not isinstance(value, list):
            raise Misfit("must be a string or a list of parts")
        return parts(value)

    message = ClientMessage(
        role=required(fields, "role", _role),
        id=optional(fields, "id", name),
        parts=optional(fields, "parts", parts),
        content=optional(fields, "content", content),
        attachments=optional(
            fields, "experimental_attachments", list_of(lambda value: _attachment(value, hosts))
        ),
        tool_invocations=optional(fields, "toolInvocations", _invocations),
        tool_calls=optional(fields, "tool_calls", _tool_calls),
        tool_call_id=optional(fields, "tool_call_id", _call_id),
    )
    said = message.parts is not None or message.content is not None or message.attachments
    if message.role == "user" and not said:
        raise Misfit("has neither parts nor content")
    return message


def read_part(value: Any, hosts: Collection[str] = ()) -> Part:
    """Read one of a message's ``parts`` or of its ``content``. Arguments as for `read_message`."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str):
        raise Misfit("must be an object with a type")
    fields: dict[str, Any] = value
    match kind:
        case "text":
            return Text(required(fields, "text", string))
        case "reasoning":
            return _reasoning(fields)
        case "step-start":
            return StepStart()
        case "file" if "url" in fields or "mediaType" in fields:
            return File(
                required(fields, "mediaType", name),
                required(fields, "url", _url(hosts)),
                optional(fields, "filename", string),
            )
        case "file":
            return InlineFile(required(fields, "mimeType", name), required(fields, "data", _base64))
        case "image_url":
            return Image(required(fields, "image_url", lambda value: _location(value, hosts)))
        case "dynamic-tool":
            return _tool(fields, DynamicTool)
        case "tool-invocation" if "toolInvocation" in fields:
            return ToolInvocation(required(fields, "toolInvocation", read_invocation))
        # Without a state, the type could be another library's "tool-call" or "tool-result".
        case _ if kind.startswith(_TOOL_PREFIX) and kind != _TOOL_PREFIX and "state" in fields:
            return _tool(fields, Tool)
    return fields


def read_invocation(value: Any) -> Invocation:
    """Read a tool call of AI SDK 3.4 or 4. Raises as `read_message` does."""
    fields = json_object(value)
    tool_call_id = required(fields, "toolCallId", _call_id)
    tool_name = required(fields, "toolName", _tool_name)
    state = optional(fields, "state", string)
    return Invocation(
        tool_call_id,
        tool_name,
        state,
        step=fields.get("step"),
        args=fields.get("args"),
        result=fields.get("result"),
        has_result=state == "result" or "result" in fields,
    )


def read_tool_call(value: Any) -> ToolCall:
    """Read a tool call of an OpenAI message. Raises as `read_message` does."""
    fields = json_object(value)
    call_id = required(fields, "id", _call_id)
    return required(fields, "function", lambda function: _function_call(call_id, function))


def _function_call(call_id: str, value: Any) -> ToolCall:
    fields = json_object(value)
    called = required(fields, "name", _tool_name)
    return ToolCall(
        call_id, called, required(fields, "arguments", string) if "arguments" in fields else ""
    )


def _role(value: Any) -> Role:
    if value not in _ROLES:
        *others, last = (repr(role) for role in _ROLES)
        raise Misfit(f"must be {', '.join(others)} or {last}")
    return cast(Role, value)


def _reasoning(fields: dict[str, Any]) -> Reasoning:
    return Reasoning(
        optional(fields, "text", string),
        fields.get("providerMetadata"),
        optional(fields, "reasoning", string),
        optional(fields, "details", list_of(_reasoning_detail)),
    )


def _reasoning_detail(value: Any) -> ReasoningDetail:
    fields = json_object(value)
    return ReasoningDetail(
        optional(fields, "text", string),
        optional(fields, "signature", string),
        optional(fields, "data", string),
    )


def _attachment(value: Any, hosts: Collection[str]) -> Attachment:
    fields = json_object(value)
    return Attachment(
        optional(fields, "contentType", name),
        required(fields, "url", _url(hosts)),
        optional(fields, "name", string),
    )


def _location(value: Any, hosts: Collection[str]) -> FileUrl:
    return required(json_object(value), "url", _url(hosts))


def _tool(fields: dict[str, Any], kind: type[Tool]) -> Tool:
    type_name = required(fields, "type", name).removeprefix(_TOOL_PREFIX)
    return kind(
        tool_call_id=required(fields, "toolCallId", _call_id),
        state=required(fields, "state", string),
        input=fields.get("input"),
        raw_input=fields.get("rawInput"),
        output=fields.get("output"),
        error_text=optional(fields, "errorText", string),
        provider_executed=optional(fields, "providerExecuted", boolean),
        approval=optional(fields, "approval", _approval),
        name=required(fields, "toolName", _tool_name) if kind is DynamicTool else type_name,
    )


def _approval(value: Any) -> Approval:
    fields = json_object(value)
    return Approval(
        required(fields, "id", name),
        optional(fields, "approved", boolean),
        optional(fields, "reason", string),
    )


def _url(hosts: Collection[str]) -> Callable[[Any], FileUrl]:
    return lambda value: _file(value, lambda url: read_url(url, hosts))


def _base64(value: Any) -> FileUrl:
    return _file(value, read_base64)


def _file(value: Any, read: Callable[[str], FileUrl]) -> FileUrl:
    text = string(value)
    try:
        return read(text)
    except ValueError as error:
        raise Misfit(str(error)) from None


# Made once: most messages have neither.
_invocations = list_of(read_invocation)
_tool_calls = list_of(read_tool_call)
