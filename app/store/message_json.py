"""Messages as engines keep them: JSON in UTF-8, which nobody can change afterwards."""

import json
from typing import Any

import msgspec

from app.protocols.json_text import dumps
from app.store.store import UIMessage


def encoded(message: UIMessage) -> bytes:
    """Return ``message`` as JSON. What JSON has not (NaN) becomes ``null``."""
    return dumps(message)


def id_of(message: UIMessage) -> str | None:
    """Return the id of a message, if it has one."""
    found = message.get("id")
    return found if isinstance(found, str) else None


def decoded(data: bytes) -> dict[str, Any]:
    """Return the message that `encoded` has made ``data`` of."""
    message: dict[str, Any]
    try:
        message = msgspec.json.decode(data)
    except msgspec.DecodeError:
        # Half of a surrogate pair, which msgspec refuses.
        message = json.loads(data)
    return message
