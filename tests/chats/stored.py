"""Stored chats, and requests that clients post about them."""

import itertools
from collections.abc import Callable
from typing import Any

from app.messages import ChatRequest
from app.store.store import Chat, ChatSummary, State, TurnHead, UIMessage
from tests.requests.posting import chat as parsed

STEP = {"type": "step-start"}


def user(message_id: str, text: str = "Hi") -> dict[str, Any]:
    return {"id": message_id, "role": "user", "parts": [said(text)]}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def answer(message_id: str, *parts: object, **more: Any) -> dict[str, Any]:
    """Return a message of the assistant; with the text ``Hello.`` if it has no parts."""
    return {
        "id": message_id,
        "role": "assistant",
        "parts": list(parts) or [STEP, {**said("Hello."), "state": "done"}],
        **more,
    }


def call(state: str, call_id: str = "c1", **more: Any) -> dict[str, Any]:
    """Return the part of a call of ``pick``, with the state that AI SDK 5 and later have for it."""
    made = {"type": "tool-pick", "toolCallId": call_id, "input": {"of": 3}}
    return {**made, "state": state, **more}


def turn(message_id: str, state: State = "running", *, replies_to: str | None = None) -> TurnHead:
    return TurnHead(
        id="turn-1",
        owner="",
        chat_id="c",
        message_id=message_id,
        user_message_id=replies_to,
        state=state,
    )


def chat(*messages: UIMessage, turn: TurnHead | None = None) -> Chat:
    summary = ChatSummary(id="c", title="Hi", created=1, updated=2)
    return Chat(summary=summary, revision=3, messages=messages, turn=turn)


def posted(*messages: object, **more: Any) -> ChatRequest:
    """Return what AI SDK 5 to 7 post."""
    return parsed({"id": "c", "messages": messages, "trigger": "submit-message", **more})


def posted_by_4(*messages: object, **more: Any) -> ChatRequest:
    """Return what AI SDK 4 posts: no ids, no trigger."""
    return parsed({"id": "c", "messages": messages, **more})


def old(role: str, text: str, *parts: object, **more: Any) -> dict[str, Any]:
    """Return a message as AI SDK 4 posts it."""
    return {"role": role, "content": text, "parts": [said(text), *parts], **more}


def counting() -> Callable[[str], str]:
    """Return a maker of ids: ``msg-1``, ``msg-2``, …"""
    numbers = itertools.count(1)
    return lambda prefix: f"{prefix}-{next(numbers)}"
