"""Stored chats as a person reads them in a terminal."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from app.store.store import Chat, ChatSummary, Owner, UIMessage

# How much of a tool's input or output is shown, in characters.
_MOST_JSON = 300


def row(summary: ChatSummary, owner: Owner | None) -> str:
    """Return the line of a list; with the owner unless it is None."""
    return "  ".join(
        (
            when(summary.updated),
            *(() if owner is None else (printable(owner) or "(nobody)",)),
            printable(summary.id),
            one_line(summary.title),
        )
    ).rstrip()


def whole(chat: Chat, owner: Owner) -> str:
    """Return a chat with all that was said."""
    summary = chat.summary
    lines = [
        one_line(summary.title) or "(no title)",
        f"id {printable(summary.id)}" + (f", owner {printable(owner)}" if owner else ""),
        f"from {when(summary.created)} to {when(summary.updated)}",
    ]
    for message in chat.messages:
        lines += ["", f"{one_line(str(message.get('role', '?')))}:"]
        lines += [f"  {line}" for text in _parts(message) for line in printable(text).split("\n")]
    if chat.turn is not None and chat.turn.state == "running":
        lines += ["", "(an answer is being written)"]
    return "\n".join(lines)


def when(microseconds: int) -> str:
    """Return a time as people write it, in UTC."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def printable(text: str) -> str:
    """Return ``text`` with escapes for what would steer the terminal, or what it cannot show."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def one_line(text: str) -> str:
    """Return ``text``, printable, in one line."""
    return printable(" ".join(text.split()))


def _parts(message: UIMessage) -> Iterator[str]:
    parts = message.get("parts")
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, dict) and part.get("type") != "step-start":
            yield _part(part)


def _part(part: dict[str, Any]) -> str:
    kind = str(part.get("type", "?"))
    match kind:
        case "text":
            return str(part.get("text", ""))
        case "reasoning":
            return f"[reasoning] {part.get('text', '')}"
        case "file":
            return f"[file {part.get('filename') or part.get('mediaType') or '?'}]"
        case "source-url":
            return f"[source {part.get('url', '')}]"
    if kind == "dynamic-tool" or kind.startswith("tool-"):
        name = part.get("toolName") or kind.removeprefix("tool-")
        return f"[tool {name}] {_json(part.get('input'))} → {_result(part)}"
    return f"[{kind}] {_json(part.get('data'))}"


def _result(part: dict[str, Any]) -> str:
    if "errorText" in part:
        return f"failed: {part['errorText']}"
    return _json(part["output"]) if "output" in part else str(part.get("state", "no result"))


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_JSON else text[:_MOST_JSON] + "…"
