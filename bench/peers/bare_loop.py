"""The lower bound for an app on FastAPI: one loop from the model's bytes to the client's.

aiohttp reads, msgspec decodes the one field, and each read leads to one write. It trusts every
byte: no CRLF, errors, tools, usage, time-outs or retries. What a whole server costs beyond this is
the price of its features.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse


class Delta(msgspec.Struct):
    content: str | None = None


class Choice(msgspec.Struct):
    delta: Delta


class Chunk(msgspec.Struct):
    choices: list[Choice]


decoder = msgspec.json.Decoder(Chunk)
encoder = msgspec.json.Encoder()
upstream_url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as app.state.session:
        yield


app = FastAPI(lifespan=lifespan)


def encode(events: list[bytes]) -> bytes:
    texts = [
        choice.delta.content
        for event in events
        if event.startswith(b"data: {")
        for choice in decoder.decode(event[6:]).choices
    ]
    return b"".join([b"0:" + encoder.encode(text) + b"\n" for text in texts if text])


async def data_stream(session: aiohttp.ClientSession, body: bytes) -> AsyncIterator[bytes]:
    messages = [{"role": m["role"], "content": m["content"]} for m in json.loads(body)["messages"]]
    request = {"model": "gpt-4o-mini", "stream": True, "messages": messages}
    async with session.post(upstream_url, json=request) as response:
        rest = b""
        async for read in response.content.iter_any():
            *events, rest = (rest + read).split(b"\n\n")
            if lines := encode(events):
                yield lines
    yield b'd:{"finishReason":"stop","usage":{"promptTokens":0,"completionTokens":0}}\n'


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/chat")
async def chat(request: Request) -> StreamingResponse:
    stream = data_stream(request.app.state.session, await request.body())
    return StreamingResponse(
        stream, media_type="text/plain", headers={"x-vercel-ai-data-stream": "v1"}
    )
