"""How much a conversation may hold, counted before any of it is checked and copied.

Checking a part takes twenty times as long as decoding its JSON.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from app.errors import BodyTooLarge, TooManyMessages
from app.requests.value_count import MAX_VALUES, count_values

# One for each message of an ordinary request; CHAT_MAX_MESSAGES says otherwise.
DEFAULT_MAX_MESSAGES = 2000
# Of all messages: five for each of 2000. Checking as many takes 0.25 s, in a thread.
MAX_PARTS = 10_000
# To approval requests, of the last step: all of them may run at once.
MAX_REPLIES = 500

_LISTS = ("parts", "content", "experimental_attachments", "toolInvocations", "tool_calls")


def too_many_values() -> BodyTooLarge:
    """Return the error for a request of more than `MAX_VALUES` values."""
    return BodyTooLarge(
        f"The request body holds more than {MAX_VALUES} JSON values; send less at once."
    )


def check_messages(messages: Sequence[Any], *, limit: int) -> None:
    """Check the number of messages.

    Raises:
        TooManyMessages: there are more than ``limit``.
    """
    if len(messages) > limit:
        raise TooManyMessages(
            f"The conversation has {len(messages)} messages; at most {limit} are accepted. "
            "Start a new one, or send its end only."
        )


def check_parts(messages: Sequence[Any]) -> None:
    """Check what the messages (parsed JSON, not checked) hold together.

    Raises:
        TooManyMessages: more than 10,000 parts, in whatever lists the clients keep them.
        BodyTooLarge: the arguments of OpenAI's tool calls, which are JSON inside of JSON, hold more
            than 200,000 values.
    """
    parts = 0
    for items in _lists(messages):
        parts += len(items)
        if parts > MAX_PARTS:
            raise _too_many_parts()
    for items in _lists(messages):
        # AI SDK 4 keeps the pieces of reasoning in lists of their own.
        parts += sum(len(_list(item, "details")) for item in items)
    if parts > MAX_PARTS:
        raise _too_many_parts()
    left = MAX_VALUES
    for text in _arguments(messages):
        left -= count_values(text, limit=left)
        if left < 0:
            raise too_many_values()


def check_replies(count: int) -> None:
    """Check how many approval requests are replied to.

    Raises:
        TooManyMessages: more than 500.
    """
    if count > MAX_REPLIES:
        raise TooManyMessages(
            f"The request replies to {count} approval requests; at most {MAX_REPLIES} are accepted "
            "at once."
        )


def _too_many_parts() -> TooManyMessages:
    return TooManyMessages(
        f"The conversation has more than {MAX_PARTS} parts. Start a new one, or send its end only."
    )


def _lists(messages: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for message in messages:
        for key in _LISTS:
            yield _list(message, key)


def _list(value: Any, key: str) -> Sequence[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else ()


def _arguments(messages: Sequence[Any]) -> Iterator[str]:
    for message in messages:
        for call in _list(message, "tool_calls"):
            function = call.get("function") if isinstance(call, dict) else None
            text = function.get("arguments") if isinstance(function, dict) else None
            if isinstance(text, str):
                yield text
