"""The usual way: FastAPI's StreamingResponse over the typed stream of AsyncOpenAI.

Like the templates that stream to `useChat` from Python: one client with its default transport, a
pydantic body, one `0:` line per token (AI SDK data stream protocol v1). No tools, no errors.
"""

import json
from collections.abc import AsyncIterator
from typing import cast

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

app = FastAPI()
client = AsyncOpenAI()


class Message(BaseModel):
    role: str
    content: str


class ChatBody(BaseModel):
    messages: list[Message]


async def data_stream(body: ChatBody) -> AsyncIterator[str]:
    stream = await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=cast("list[ChatCompletionMessageParam]", body.model_dump()["messages"]),
        stream=True,
        stream_options={"include_usage": True},
    )
    finish_reason: str | None = None
    async for chunk in stream:
        for choice in chunk.choices:
            if choice.delta.content:
                yield f"0:{json.dumps(choice.delta.content)}\n"
            finish_reason = choice.finish_reason or finish_reason
        if chunk.usage is not None:
            usage = {
                "promptTokens": chunk.usage.prompt_tokens,
                "completionTokens": chunk.usage.completion_tokens,
            }
            yield f"d:{json.dumps({'finishReason': finish_reason, 'usage': usage})}\n"


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/chat")
async def chat(body: ChatBody) -> StreamingResponse:
    return StreamingResponse(
        data_stream(body),
        media_type="text/plain",
        headers={"x-vercel-ai-data-stream": "v1"},
    )
