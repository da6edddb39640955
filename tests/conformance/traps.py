"""Spoils our bytes on the wire, one way at a time, to see that the flows would notice.

Every trap is a mistake that a server of these protocols can make (`docs/protocols.md` has the
reasons). A trap that leaves one of its flows green is a hole in the suite. `spoiler` sets them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

# How long a spoilt flow waits, in seconds; most know at once what went wrong.
TRAPPED_PATIENCE_S = 3.0

Chunk: TypeAlias = Mapping[str, Any]
Line: TypeAlias = tuple[str, Any]


class Answer(msgspec.Struct):
    """What a trap may know of the answer that it spoils.

    Attributes:
        continues: whether the request goes on with an assistant message.
        notes: the trap's own, empty at the beginning of the answer.
    """

    continues: bool
    notes: dict[str, Any] = msgspec.field(default_factory=dict)


Spoil: TypeAlias = Callable[[bytes, Answer], bytes]


class Trap(msgspec.Struct, frozen=True):
    """One way to spoil an answer.

    Attributes:
        why: what a real client makes of it.
        spoil: one frame (a whole line or server-sent event) → what is sent instead of it.
        flows: ``client → flows`` of which each has to turn red.
    """

    why: str
    spoil: Spoil
    flows: Mapping[str, Sequence[str]]


def _chunk(edit: Callable[[Chunk, Answer], Sequence[Chunk] | None]) -> Spoil:
    """Spoil a UI stream: ``edit`` returns what is sent instead of a chunk, None for itself."""

    def spoil(frame: bytes, answer: Answer) -> bytes:
        if not frame.startswith(b"data: {"):
            return frame
        chunks = edit(json.loads(frame.removeprefix(b"data: ")), answer)
        if chunks is None:
            return frame
        return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)

    return spoil


def _line(edit: Callable[[str, Any, Answer], Sequence[Line] | None]) -> Spoil:
    """Spoil a data stream: ``edit`` returns what is sent instead of a line, None for itself."""

    def spoil(frame: bytes, answer: Answer) -> bytes:
        code, colon, value = frame.decode().partition(":")
        lines = edit(code, json.loads(value), answer) if colon else None
        if lines is None:
            return frame
        return b"".join(f"{code}:{json.dumps(value)}\n".encode() for code, value in lines)

    return spoil


def _extra_key(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [{**chunk, "timestamp": 1}] if chunk["type"] == "text-start" else None


def _null(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [{**chunk, "providerMetadata": None}] if chunk["type"] == "text-start" else None


def _unknown_type(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [chunk, {"type": "ping"}] if chunk["type"] == "start" else None


def _no_start_step(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [] if answer.continues and chunk["type"] == "start-step" else None


def _new_id(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    if answer.continues and chunk["type"] == "start":
        return [{**chunk, "messageId": "another"}]
    return None


def _same_id(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [{**chunk, "messageId": "answer"}] if chunk["type"] == "start" else None


def _unknown_reason(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [{**chunk, "finishReason": "unknown"}] if chunk["type"] == "finish" else None


def _delta_after_end(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    if chunk["type"] == "text-end":
        return [chunk, {"type": "text-delta", "id": chunk["id"], "delta": "late"}]
    return None


def _delta_without_start(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [] if chunk["type"] == "text-start" else None


def _no_end(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [] if chunk["type"] == "text-end" else None


def _no_call(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [] if chunk["type"].startswith("tool-input") else None


def _finish_reason(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [{**chunk, "finishReason": "stop"}] if chunk["type"] == "finish" else None


def _signature(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [{**chunk, "signature": "x"}] if chunk["type"] == "tool-approval-request" else None


def _unseen_step(chunk: Chunk, answer: Answer) -> Sequence[Chunk] | None:
    return [] if chunk == {"type": "message-metadata", "messageMetadata": {}} else None


def _arguments_as_text(code: str, value: Any, answer: Answer) -> Sequence[Line] | None:
    return [(code, {**value, "args": json.dumps(value["args"])})] if code == "9" else None


def _f_to_3(code: str, value: Any, answer: Answer) -> Sequence[Line] | None:
    if code == "0" and not answer.notes:
        answer.notes["sent"] = True
        return [("f", {"messageId": "msg-1"}), (code, value)]
    return None


def _result_without_call(code: str, value: Any, answer: Answer) -> Sequence[Line] | None:
    return [] if code in "bc9" else None


def _null_usage(code: str, value: Any, answer: Answer) -> Sequence[Line] | None:
    if code not in "ed":
        return None
    return [(code, {**value, "usage": {"promptTokens": None, "completionTokens": None}})]


def _no_finish(code: str, value: Any, answer: Answer) -> Sequence[Line] | None:
    return [] if code == "d" else None


def _comment(frame: bytes, answer: Answer) -> bytes:
    """Keep alive as one would a stream of server-sent events."""
    return b": ping\n" if frame == b"\n" else frame


def _forbidden_key(frame: bytes, answer: Answer) -> bytes:
    """Send the key as the tool gave it."""
    return frame.replace(b'"$__proto__":', b'"__proto__":')


def _forbidden_constructor(frame: bytes, answer: Answer) -> bytes:
    return frame.replace(b'"$constructor":', b'"constructor":')


def _hold_back(frame: bytes, answer: Answer) -> bytes:
    """Send nothing before the last frame, as a proxy does that compresses or buffers."""
    held: bytes = answer.notes.get("held", b"") + frame
    is_last = frame.startswith((b"data: [DONE]", b"d:"))
    answer.notes["held"] = b"" if is_last else held
    return held if is_last else b""


TRAPS: Mapping[str, Trap] = {
    "extra-key": Trap(
        "Clients up to 5.0.216, 6.0.230 and 7.0.31 accept no key that their schema lacks.",
        _chunk(_extra_key),
        {"5.0.0": ["text"], "5.0.100": ["text"], "6.0.98": ["text"], "7.0.19": ["text"]},
    ),
    "null": Trap(
        "Optional means absent; no client accepts null.",
        _chunk(_null),
        {"5": ["text"], "6": ["text"], "7": ["text"]},
    ),
    "unknown-type": Trap(
        "A chunk of an unknown type, such as a home-made keep-alive, ends the answer.",
        _chunk(_unknown_type),
        {"5": ["text"], "6": ["text"], "7": ["text"]},
    ),
    "no-start-step": Trap(
        "The client takes the last step for complete for ever and posts again and again.",
        _chunk(_no_start_step),
        {"5": ["client-tool"], "6": ["client-tool"], "7": ["client-tool"]},
    ),
    "new-id": Trap(
        "A continuation under a new id becomes a message of its own.",
        _chunk(_new_id),
        {"5": ["client-tool"], "6": ["client-tool"], "7": ["client-tool"]},
    ),
    "same-id": Trap(
        "An id used twice in a chat lets the second answer replace the first.",
        _chunk(_same_id),
        {"5": ["multi-turn"], "6": ["multi-turn"], "7": ["multi-turn"]},
    ),
    "unknown-reason": Trap(
        "6 and 7 do not know the finish reason `unknown`.",
        _chunk(_unknown_reason),
        {"6": ["text"], "7": ["text"]},
    ),
    "delta-after-end": Trap(
        "A delta needs an open block.",
        _chunk(_delta_after_end),
        {"5": ["text"], "6": ["text"], "7": ["text"]},
    ),
    "delta-without-start": Trap(
        "A delta needs an open block.",
        _chunk(_delta_without_start),
        {"5": ["text"], "6": ["text"], "7": ["text"]},
    ),
    "no-end": Trap(
        "A block that is never closed stays `streaming` in the message.",
        _chunk(_no_end),
        {"5": ["error-during"], "6": ["error-during"], "7": ["error-during"]},
    ),
    "output-without-call": Trap(
        "An output needs its call.",
        _chunk(_no_call),
        {"5": ["server-tool"], "6": ["server-tool"], "7": ["server-tool"]},
    ),
    "finish-reason": Trap(
        "5.0.0 to 5.0.91 do not know the key, and fail when the whole text is there.",
        _chunk(_finish_reason),
        {"5.0.0": ["text"]},
    ),
    "signature": Trap(
        "6 and 7 got a key for it only later, so the approval id carries its own proof.",
        _chunk(_signature),
        {"6.0.98": ["approval-granted"]},
    ),
    "unseen-step": Trap(
        "An answer that ends on answered calls is posted again and again.",
        _chunk(_unseen_step),
        {"5": ["abort-after-tool"], "6": ["abort-after-tool"], "7": ["abort-after-tool"]},
    ),
    "forbidden-key": Trap(
        "A key `__proto__`, however deep, ends the answer in every client since 5.0.",
        _forbidden_key,
        {client: ["forbidden-keys"] for client in ("5.0.0", "5", "6.0.98", "6", "7.0.19", "7")},
    ),
    "forbidden-constructor": Trap(
        "So does a key `constructor` above a key `prototype`.",
        _forbidden_constructor,
        {client: ["forbidden-keys"] for client in ("5.0.0", "5", "6.0.98", "6", "7.0.19", "7")},
    ),
    "arguments-as-text": Trap(
        "The arguments of a `9` are an object, not the model's JSON text.",
        _line(_arguments_as_text),
        {"3.4": ["server-tool"], "4": ["server-tool"]},
    ),
    "f-to-3.4": Trap(
        "AI SDK 3.4 ends the answer at a code that it does not know.",
        _line(_f_to_3),
        {"3.4": ["text"]},
    ),
    "result-without-call": Trap(
        "An `a` needs its `9`.",
        _line(_result_without_call),
        {"3.4": ["server-tool"], "4": ["server-tool"]},
    ),
    "null-usage": Trap(
        "A null number of tokens is NaN to the application.",
        _line(_null_usage),
        {"3.4": ["text"], "4": ["text"]},
    ),
    "no-finish": Trap(
        "Without a `d` the application is never told why the answer ended.",
        _line(_no_finish),
        {"3.4": ["text"], "4": ["text"]},
    ),
    "sse-comment": Trap(
        "The data stream has no comments; only a blank line is skipped.",
        _comment,
        {"3.4": ["keep-alive"], "4": ["keep-alive"]},
    ),
    "held-back": Trap(
        "A proxy that buffers shows the whole answer at once.",
        _hold_back,
        {
            "4": ["text", "arrival", "raw-parser"],
            "6": ["text", "arrival", "raw-parser"],
        },
    ),
}


def trapped_flows_of(client: str) -> Sequence[str]:
    """Return what a client has to run: each ``FLOW@TRAP``, and each flow as it is."""
    trapped = [(flow, name) for name, trap in TRAPS.items() for flow in trap.flows.get(client, ())]
    plain = dict.fromkeys(flow for flow, _ in trapped)
    return [*plain, *[f"{flow}@{name}" for flow, name in trapped]]
