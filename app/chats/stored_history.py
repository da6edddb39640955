"""Stored messages → what the model is asked, by the same code that reads posted ones."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.requests.client_message import ClientMessage
from app.requests.fields import Misfit
from app.requests.history import History, read_history
from app.requests.message_reader import read_message
from app.store.store import UIMessage

logger = logging.getLogger("deltaline.chats")

# A chat with more than either is read beside the event loop; as for requests (`value_count`).
_LARGE_CHARACTERS = 64 * 1024
_LARGE_PARTS = 400


def stored_history(messages: Sequence[UIMessage], *, file_hosts: Collection[str] = ()) -> History:
    """Return the stored history as the model gets it.

    What cannot be read is left out, and the log says so: an address may be refused by now that was
    accepted once (`CHAT_FILE_HOSTS`), and that must not end the chat.

    Args:
        messages: of a user or the assistant.
        file_hosts: as ``hosts`` of `check_web_address`.
    """
    return read_history(
        [_checked(message, file_hosts) for message in messages], allow_client_system=False
    )


def is_large(messages: Sequence[UIMessage]) -> bool:
    """Return whether reading the messages may take more than a few milliseconds."""
    parts = characters = 0
    for message in messages:
        for part in message["parts"]:
            parts += 1
            characters += sum(len(value) for value in part.values() if isinstance(value, str))
        if parts > _LARGE_PARTS or characters > _LARGE_CHARACTERS:
            return True
    return False


def _checked(message: UIMessage, file_hosts: Collection[str]) -> ClientMessage:
    try:
        return read_message(message, file_hosts)
    except Misfit:
        parts = [part for part in message["parts"] if _is_readable(part, file_hosts)]
        left_out = len(message["parts"]) - len(parts)
        logger.warning("parts of a stored message cannot be read and are left out: %d", left_out)
        return read_message({"role": message["role"], "parts": parts}, file_hosts)


def _is_readable(part: Mapping[str, Any], file_hosts: Collection[str]) -> bool:
    alone = {"role": "assistant", "parts": [part]}
    try:
        read_message(alone, file_hosts)
    except Misfit:
        return False
    return True
