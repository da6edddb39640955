"""Posting a value as a client would."""

import json
from typing import Any

import pytest

from app.errors import RequestError
from app.messages import ChatRequest, Message, ToolRequest
from app.requests.envelope import parse


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
