"""The client of both floors: what one read brings from the model, at once as data stream lines.

httptools parses the response, msgspec decodes the one field. It trusts every byte, and nothing
holds back a model that is faster than the client: what is left when the product is left out.
"""

import asyncio
import json
import os
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import httptools
import msgspec

FINISH = b'd:{"finishReason":"stop","usage":{"promptTokens":0,"completionTokens":0}}\n'


class Delta(msgspec.Struct):
    content: str | None = None


class Choice(msgspec.Struct):
    delta: Delta


class Chunk(msgspec.Struct):
    choices: list[Choice]


decode = msgspec.json.Decoder(Chunk).decode
encode = msgspec.json.Encoder().encode
upstream = urlsplit(os.environ["OPENAI_BASE_URL"])
host, port = str(upstream.hostname), int(upstream.port or 80)
idle: list["ModelConnection"] = []


def lines_of(events: list[bytes]) -> bytes:
    lines = [
        b"0:" + encode(text) + b"\n"
        for event in events
        if event.startswith(b"data: {")
        for choice in decode(event[6:]).choices
        if (text := choice.delta.content)
    ]
    return b"".join(lines)


def model_request(chat_request: bytes) -> bytes:
    messages = [
        {"role": message["role"], "content": message["content"]}
        for message in json.loads(chat_request)["messages"]
    ]
    body = json.dumps({"model": "gpt-4o-mini", "stream": True, "messages": messages}).encode()
    head = (
        f"POST {upstream.path}/chat/completions HTTP/1.1\r\nhost: {upstream.netloc}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class ModelConnection(asyncio.Protocol):
    """A kept connection. Tells ``on_lines`` the lines of each read, and if they are the last."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._rest = b""
        self._is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        if self in idle:
            idle.remove(self)

    def ask(self, request: bytes, on_lines: Callable[[bytes, bool], None]) -> None:
        self._on_lines = on_lines
        self._rest = b""
        self._is_over = False
        self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self._is_over = True

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        *events, self._rest = (self._rest + b"".join(self._pieces)).split(b"\n\n")
        self._pieces.clear()
        lines = lines_of(events)
        if self._is_over:
            idle.append(self)
            self._on_lines(lines + FINISH, True)
        elif lines:
            self._on_lines(lines, False)


async def connection() -> ModelConnection:
    if idle:
        return idle.pop()
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(ModelConnection, host, port)
    return made
