"""Encodes JSON and server-sent events as OpenAI does. No I/O."""

import json
from typing import Any


def to_json(value: Any) -> bytes:
    """Return JSON in UTF-8. Only lone surrogates, which UTF-8 cannot encode, are escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def server_sent_event(data: Any, name: str | None = None) -> bytes:
    """Return one complete event whose data is JSON."""
    named = b"" if name is None else f"event: {name}\n".encode()
    return named + b"data: " + to_json(data) + b"\n\n"
