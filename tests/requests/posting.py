"""Posting a value as a client would, the messages that clients post, and what is made of them."""

import json
from typing import Any

import pytest

from app.errors import RequestError
from app.messages import ChatRequest, Message, Part, ToolCallPart, ToolOutputPart, ToolRequest
from app.requests.envelope import parse

HI = {"role": "user", "content": "Hi"}
START = {"type": "step-start"}


def to_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def chat(value: object, **options: Any) -> ChatRequest:
    """Return the chat that ``value``, as JSON, asks for."""
    request = parse(to_bytes(value), **options)
    assert isinstance(request, ChatRequest)
    return request


def tool(value: object) -> ToolRequest:
    """Return the tool call that ``value``, as JSON, asks for."""
    request = parse(to_bytes(value))
    assert isinstance(request, ToolRequest)
    return request


def messages_of(*posted: object) -> list[Message]:
    """Return the messages for the model when ``posted`` is the whole history."""
    return list(chat({"messages": posted}).messages)


def refusal(body: object, **options: Any) -> RequestError:
    """Return the error that ``body`` (bytes, or a value to post as JSON) ends in."""
    with pytest.raises(RequestError) as caught:
        parse(body if isinstance(body, bytes) else to_bytes(body), **options)
    return caught.value


def parts_of(message: Message) -> list[object]:
    return list(message.parts)


def text(value: str) -> dict[str, object]:
    return {"type": "text", "text": value}


def tool_part(state: str, call_id: str = "c1", **extra: object) -> dict[str, object]:
    """Return a part of AI SDK 5 and later."""
    call = {"type": "tool-get_weather", "toolCallId": call_id, "input": {"city": "Bergen"}}
    return {**call, "state": state, **extra}


def invocation(
    state: str, call_id: str = "c1", step: int | None = 0, **extra: object
) -> dict[str, object]:
    """Return a tool invocation of AI SDK 3.4 and 4."""
    call = {"toolCallId": call_id, "toolName": "get_weather", "args": {"city": "Bergen"}}
    return {**call, "state": state, **({} if step is None else {"step": step}), **extra}


def invocation_part(state: str, call_id: str = "c1", **extra: Any) -> dict[str, object]:
    return {"type": "tool-invocation", "toolInvocation": invocation(state, call_id, **extra)}


def assistant(*parts: object, **extra: object) -> dict[str, object]:
    return {"role": "assistant", "id": "m1", "parts": parts, **extra}


def call(call_id: str = "c1") -> ToolCallPart:
    return ToolCallPart(call_id, "get_weather", {"city": "Bergen"})


def output(value: object, call_id: str = "c1", **extra: bool) -> ToolOutputPart:
    return ToolOutputPart(call_id, "get_weather", value, **extra)


def closed(sentence: str, call_id: str = "c1") -> ToolOutputPart:
    return output(sentence, call_id, is_error=True, closed=True)


def says(*parts: Part) -> Message:
    return Message("assistant", parts)


def results(*parts: Part) -> Message:
    return Message("tool", parts)


def plain(messages: list[Message]) -> list[tuple[str, list[Part]]]:
    """Make messages comparable whatever kind of sequence holds their parts."""
    return [(message.role, list(message.parts)) for message in messages]


def old_assistant(content: str, *calls: object) -> dict[str, object]:
    """Return a message of AI SDK 3.4 or 4.0, which have no parts."""
    return {"role": "assistant", "content": content, "toolInvocations": calls}


def openai_call(call_id: str, arguments: str) -> dict[str, object]:
    function = {"name": "get_weather", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def approval_part(call_id: str, approved: bool, **extra: object) -> dict[str, object]:
    approval = {"id": f"approval-{call_id}", "approved": approved, **extra}
    return tool_part("approval-responded", call_id, approval=approval)
