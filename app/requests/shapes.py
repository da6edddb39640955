"""Tells the shape of a request from its keys.

This is the only place that knows which keys mark which shape. The Lambda runtime uses it as well,
and must not load pydantic for it.
"""

import enum
from collections.abc import Mapping
from typing import Any


class RequestShape(enum.Enum):
    """The shapes that a request can have."""

    DIRECT = enum.auto()
    """``{"action": …, "payload": {…}}``"""
    CHAT = enum.auto()
    """``{"messages": […]}``, ``{"message": …}`` or ``{"trigger": "regenerate-message"}``"""
    TOOL_CALL = enum.auto()
    """``{"args": {…}}``"""
    PROMPT = enum.auto()
    """``{"prompt": "…"}``"""
    WRAPPED = enum.auto()
    """``{"body": …}``, with one of the others inside"""


# What AI SDK 5 to 7 post as ``trigger``, where the message may be left to the server's history.
REGENERATE = "regenerate-message"

# In this order: a chat may have any of the other keys too.
_KEYS = {
    "messages": RequestShape.CHAT,
    "message": RequestShape.CHAT,
    "args": RequestShape.TOOL_CALL,
    "prompt": RequestShape.PROMPT,
}


def find_shape(fields: Mapping[str, Any]) -> RequestShape | None:
    """Return the shape of a request, or ``None`` if no key of ``fields`` marks one.

    Only the presence of keys counts, not their values, except for ``trigger``. ``action`` and
    ``body`` are mere extras beside a key that marks another shape, unless ``action`` comes with a
    ``payload``.
    """
    if "action" in fields and "payload" in fields:
        return RequestShape.DIRECT
    for key, shape in _KEYS.items():
        if key in fields:
            return shape
    if fields.get("trigger") == REGENERATE:
        return RequestShape.CHAT
    if "action" in fields:
        return RequestShape.DIRECT
    return RequestShape.WRAPPED if "body" in fields else None
