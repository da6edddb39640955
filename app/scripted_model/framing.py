"""JSON and server-sent events as OpenAI writes them. No I/O."""

import json
from typing import Any


def to_json(value: Any) -> bytes:
    """Write JSON in UTF-8, with escapes only for what UTF-8 cannot say: lone surrogates."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def server_sent_event(data: Any, name: str | None = None) -> bytes:
    """Return one whole event with JSON in its data."""
    named = b"" if name is None else f"event: {name}\n".encode()
    return named + b"data: " + to_json(data) + b"\n\n"
