"""A stored chat as it is handed out to a page."""

from collections.abc import Sequence

from app.store.store import Chat, UIMessage


def shown(chat: Chat) -> Sequence[UIMessage]:
    """Return the messages without the one that the running turn continues.

    History ends where the stream begins: the stream of a running turn has the whole message.
    """
    raise NotImplementedError


def chat_body(chat: Chat, *, sdk: str | None = None) -> bytes:
    """Return the JSON of ``GET /api/chats/{id}``.

    Args:
        chat: of the asking owner.
        sdk: ``?sdk=``; "3.4" and "4" get the messages in the form of AI SDK 4.
    """
    raise NotImplementedError
