"""A client's request and how it reads the answer, for each protocol. No I/O."""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

Protocol: TypeAlias = Literal["data", "ui", "raw"]
"""AI SDK data stream (AI SDK 4), UI message stream (AI SDK 5 to 7), or the model's own SSE."""

_DATA_STREAM_LINE = re.compile(r"([0-9a-z]):(.+)")


class WrongAnswer(Exception):
    """The body is not a complete answer in its protocol; the message says why."""


def request_body(protocol: Protocol, *, tokens: int, delay_us: int = 0) -> bytes:
    """Return a chat request for an answer of so many tokens, as the protocol's client sends it.

    The user's text, which every backend passes on to the model, tells the mock what to do
    (`native/upstream.c`).
    """
    # `native/load.c` puts a number of its own over the zeros, for each answer another one.
    chat_id = "chat-0000000000000000"
    text = f"BENCH t={tokens} d={delay_us}"
    message = {"id": "msg-1", "role": "user", "parts": [{"type": "text", "text": text}]}
    body: dict[str, Any]
    match protocol:
        case "data":
            body = {"id": chat_id, "messages": [{**message, "content": text}]}
        case "ui":
            body = {"id": chat_id, "trigger": "submit-message", "messages": [message]}
        case "raw":
            body = {
                "model": "gpt-4o-mini",
                "stream": True,
                "messages": [{"role": "user", "content": text}],
            }
    return json.dumps(body, separators=(",", ":")).encode()


def read_answer(protocol: Protocol, body: bytes) -> str:
    """Return the text of a complete answer.

    Raises:
        WrongAnswer: no valid line, an error part, or no proper end.
    """
    match protocol:
        case "data":
            return _read_data_stream(body.decode())
        case "ui":
            return _read_ui_stream(body.decode())
        case "raw":
            return _read_chat_completion(body.decode())


def _read_data_stream(body: str) -> str:
    text = []
    ended = False
    for line in body.splitlines():
        match = _DATA_STREAM_LINE.fullmatch(line)
        if match is None:
            raise WrongAnswer(f"not a line of the data stream: {line[:80]!r}")
        code, value = match[1], json.loads(match[2])
        if code == "3":
            raise WrongAnswer(f"an error part: {value!r}")
        if code == "0":
            text.append(value)
        ended = code == "d"
    if not ended:
        raise WrongAnswer("the last line is not the finish part (d:)")
    return "".join(text)


def _read_ui_stream(body: str) -> str:
    text = []
    finished = False
    for chunk in _server_sent_json(body):
        match chunk["type"]:
            case "error":
                raise WrongAnswer(f"an error chunk: {chunk['errorText']!r}")
            case "text-delta":
                text.append(chunk["delta"])
            case "finish":
                finished = True
    if not finished:
        raise WrongAnswer("no finish chunk")
    return "".join(text)


def _read_chat_completion(body: str) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in _server_sent_json(body)
        for choice in chunk["choices"]
    )


def _server_sent_json(body: str) -> Iterator[dict[str, Any]]:
    *events, end = body.removesuffix("\n\n").split("\n\n")
    if end != "data: [DONE]":
        raise WrongAnswer(f"the last event is not [DONE]: {end[:80]!r}")
    for event in events:
        if not event.startswith("data: "):
            raise WrongAnswer(f"not an event with data: {event[:80]!r}")
        yield json.loads(event.removeprefix("data: "))
