"""What a model's server may send to exhaust whoever reads it: the attacks, as bodies of responses.

Each is endless for whoever reads on; a reader with bounds hangs up long before `TOTAL_BYTES`.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Literal, TypeAlias

from tests.providers.upstream import Connection, Script

Api: TypeAlias = Literal["chat", "responses"]

# The longest body of an attack, in bytes on the wire.
TOTAL_BYTES = 300_000_000
_PIECE_BYTES = 64 * 1024


def _event(name: str, value: Any) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps({'type': name, **value} if name else value)}\n\n".encode()


def _delta(delta: Mapping[str, Any]) -> bytes:
    return _event("", {"choices": [{"index": 0, "delta": delta}]})


def _one_line(_: Api) -> Iterator[bytes]:
    yield b"data: "
    while True:
        yield b"x" * _PIECE_BYTES


def _unterminated_lines(_: Api) -> Iterator[bytes]:
    while True:
        yield b"data: abcdefgh\n" * 5000


def _text(api: Api) -> Iterator[bytes]:
    if api == "chat":
        piece = _delta({"content": "a word or two "})
    else:
        piece = _event("response.output_text.delta", {"output_index": 0, "delta": "a word or two "})
    while True:
        yield piece * 500


def _reasoning(api: Api) -> Iterator[bytes]:
    if api == "chat":
        piece = _delta({"reasoning_content": "hm, hm, hm. "})
    else:
        name = "response.reasoning_summary_text.delta"
        piece = _event(name, {"output_index": 0, "summary_index": 0, "delta": "hm, hm, hm. "})
    while True:
        yield piece * 500


def _text_and_reasoning(api: Api) -> Iterator[bytes]:
    """Alternate, so that each piece is a part of the message."""
    text, reasoning = _text(api), _reasoning(api)
    once = next(text)[: len(next(text)) // 500] + next(reasoning)[: len(next(reasoning)) // 500]
    while True:
        yield once * 250


def _call(api: Api, number: int, arguments: str) -> bytes:
    """Return a delta that begins call ``number``."""
    if api == "chat":
        function = {"name": "get_weather", "arguments": arguments}
        return _delta({"tool_calls": [{"index": number, "id": f"c{number}", "function": function}]})
    item = {"type": "function_call", "call_id": f"c{number}", "name": "get_weather"}
    return _event(
        "response.output_item.added",
        {"output_index": number, "item": {**item, "arguments": arguments}},
    )


def _arguments(api: Api, number: int, text: str) -> bytes:
    """Return a delta of the arguments of call ``number``."""
    if api == "chat":
        return _delta({"tool_calls": [{"index": number, "function": {"arguments": text}}]})
    name = "response.function_call_arguments.delta"
    return _event(name, {"output_index": number, "delta": text})


def _one_call(api: Api) -> Iterator[bytes]:
    yield _call(api, 0, '{"city":"')
    while True:
        yield _arguments(api, 0, "ab") * 500


def _many_long_calls(api: Api) -> Iterator[bytes]:
    for number in count():
        yield _call(api, number, '{"city":"')
        yield _arguments(api, number, "Oslo" * 100) * 500


def _many_calls(api: Api) -> Iterator[bytes]:
    for number in range(100_000):
        yield _call(api, number, '{"city":"Oslo"}')
    while True:
        yield b": that was all\n\n" * 1000


def _comments(_: Api) -> Iterator[bytes]:
    while True:
        yield b": keep-alive\n\n" * 1000


def _empty_events(_: Api) -> Iterator[bytes]:
    while True:
        yield b"data:\n\ndata: {}\n\n" * 1000


def _bomb(api: Api) -> Iterator[bytes]:
    """Give a gzip of the same megabyte again and again: members of one file, which may be many."""
    member = gzip.compress(next(_text(api)) * 40)
    while True:
        yield member * 10


BODIES = {
    "one line": _one_line,
    "unterminated data lines": _unterminated_lines,
    "endless text": _text,
    "endless reasoning": _reasoning,
    "text and reasoning in turns": _text_and_reasoning,
    "endless arguments of one call": _one_call,
    "endless arguments of many calls": _many_long_calls,
    "100,000 calls": _many_calls,
    "endless comments": _comments,
    "endless empty events": _empty_events,
    "gzip": _bomb,
}


def attack(name: str, api: Api, *, status: int = 200, total_bytes: int = TOTAL_BYTES) -> Script:
    """Return a script that sends the attack of this name until the client hangs up."""

    async def play(connection: Connection) -> None:
        headers = {"content-type": "text/event-stream"}
        if name == "gzip":
            headers["content-encoding"] = "gzip"
        await connection.start(status, headers)
        sent = 0
        for piece in BODIES[name](api):
            if piece:
                await connection.chunk(piece)
                sent += len(piece)
            if sent >= total_bytes:
                break
        await connection.finish()

    return play
