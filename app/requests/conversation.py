"""The messages of a request, and what they tell of the client that posted them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from app.errors import InvalidMessages
from app.forbidden_keys import restore
from app.messages import Shape
from app.requests.amount import check_messages, check_parts
from app.requests.client_message import ClientMessage
from app.requests.fields import Misfit
from app.requests.message_reader import read_message
from app.requests.shapes import REGENERATE

NOTHING_SAID = "messages must hold at least one message of a user or an assistant."

_SPEAKERS = ("user", "assistant")


class Rules(msgspec.Struct, frozen=True):
    """What is accepted of a conversation, and what may be in it.

    Attributes:
        is_large: whether it may have very many parts.
        has_our_keys: whether it may have keys that we have sent under another name.
    """

    max_messages: int
    file_hosts: Collection[str]
    allow_client_system: bool
    is_large: bool
    has_our_keys: bool


class Conversation(msgspec.Struct, frozen=True):
    """What a request says.

    Attributes:
        messages: all that were posted, checked.
        posted: the user's and the assistant's messages as they were posted.
    """

    messages: Sequence[ClientMessage]
    posted: Sequence[Mapping[str, Any]]


def read_conversation(fields: Mapping[str, Any], place: str, rules: Rules) -> Conversation:
    """Return the messages in ``fields``, which has them under any key that clients use.

    Args:
        place: where ``fields`` stands in the request, for the sentence of an error.

    Raises:
        TooManyMessages, BodyTooLarge: see `amount`.
        InvalidMessages: a message does not fit, or there is no key for any.
    """
    values, places = _values(fields, place, rules)
    if rules.has_our_keys:
        restore(values)
    messages = [_message(value, where, rules) for value, where in zip(values, places, strict=True)]
    posted = [value for value, one in zip(values, messages, strict=True) if one.role in _SPEAKERS]
    return Conversation(messages, posted)


def use_chat_shape(
    fields: Mapping[str, Any], *, has_trigger: bool, messages: Sequence[ClientMessage]
) -> Shape:
    """Tell the clients apart by what only they send (all of it recorded from the real hooks)."""
    with_parts = [message for message in messages if message.parts is not None]
    if has_trigger or any(message.content is None for message in with_parts):
        return "ai-sdk-5"
    return "ai-sdk-4" if with_parts or "id" in fields else "ai-sdk-3.4"


def _message(value: Any, place: str, rules: Rules) -> ClientMessage:
    try:
        return read_message(value, rules.file_hosts)
    except Misfit as misfit:
        raise InvalidMessages(misfit.sentence(place)) from None


def _values(fields: Mapping[str, Any], place: str, rules: Rules) -> tuple[list[Any], Sequence[str]]:
    """Return the messages, not checked, and the place of each."""
    if "messages" in fields:
        messages = fields["messages"]
        if not isinstance(messages, list):
            raise InvalidMessages(f"{place}messages must be a list.")
        check_messages(messages, limit=rules.max_messages)
        if rules.is_large:
            check_parts(messages)
        return messages, [f"{place}messages[{index}]" for index in range(len(messages))]
    for key in ("message", "prompt", "text"):
        if key in fields:
            value = fields[key]
            if key == "message" and not isinstance(value, str):
                if rules.is_large:
                    check_parts([value])
                return [value], [f"{place}message"]
            if not isinstance(value, str):
                raise InvalidMessages(f"{place}{key} must be a string.")
            return [{"role": "user", "content": value}], [f"{place}{key}"]
    if fields.get("trigger") == REGENERATE:
        return [], []  # the message is in the store
    raise InvalidMessages("payload must have messages, message, text or prompt.")
