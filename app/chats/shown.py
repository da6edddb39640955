"""A stored chat as it is handed out to a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.chats.old_form import in_old_form
from app.forbidden_keys import neutralise
from app.protocols.json_text import dumps
from app.store.store import Chat, ChatSummary, UIMessage

_OLD = ("3.4", "4")


def shown(chat: Chat) -> Sequence[UIMessage]:
    """Return the messages without the one that the running turn continues.

    History ends where the stream begins: the stream of a running turn has the whole message.
    """
    messages, turn = chat.messages, chat.turn
    if turn is None or turn.state != "running" or not messages:
        return messages
    return messages[:-1] if messages[-1]["id"] == turn.message_id else messages


def listed(chat: ChatSummary) -> Mapping[str, Any]:
    """Return a chat as ``GET /api/chats`` lists it."""
    return {"id": chat.id, "title": chat.title, "created": chat.created, "updated": chat.updated}


def chat_body(chat: Chat, *, sdk: str | None = None) -> bytes:
    """Return the JSON of ``GET /api/chats/{id}``.

    Keys that clients refuse are sent as in a stream (`forbidden_keys`).

    Args:
        chat: of the asking owner.
        sdk: ``?sdk=``; "3.4" and "4" get the messages in the form of AI SDK 4.
    """
    messages = shown(chat)
    turn = chat.turn
    is_running = turn is not None and turn.state == "running"
    body = {
        "id": chat.summary.id,
        "title": chat.summary.title,
        "messages": [in_old_form(one) for one in messages] if sdk in _OLD else messages,
        "turn": {"id": turn.id, "state": turn.state} if turn is not None and is_running else None,
    }
    return neutralise(dumps(body))
