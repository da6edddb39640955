"""What the tests of the scripted model share: its server with the `openai` package in front."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx2
import msgspec
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted


class Side(msgspec.Struct):
    """A running scripted model, and two clients: the package's and a bare one."""

    control: Control
    openai: AsyncOpenAI
    http: httpx2.AsyncClient

    async def stream(self, text: str, **more: Any) -> list[ChatCompletionChunk]:
        """Say ``text`` and return every chunk of the answer, as the package parses it."""
        stream = await self.openai.chat.completions.create(
            model="scripted",
            messages=more.pop("messages", [{"role": "user", "content": text}]),
            stream=True,
            **more,
        )
        return [chunk async for chunk in stream]

    async def raw(self, text: str, **more: Any) -> bytes:
        """Say ``text`` and return the bytes of the streamed answer."""
        response = await self.http.post(
            "chat/completions", json={**chat(text), "stream": True, **more}
        )
        return response.content


def chat(text: str) -> dict[str, Any]:
    """Return a body that says ``text``."""
    return {"model": "scripted", "messages": [{"role": "user", "content": text}]}


def tool(name: str, **properties: Any) -> dict[str, Any]:
    """Return a function tool whose properties are all required."""
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def text_of(chunks: Iterable[ChatCompletionChunk]) -> str:
    """Join the text of the chunks."""
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def finish_of(chunks: Iterable[ChatCompletionChunk]) -> list[str]:
    """Return every finish reason of the chunks."""
    choices = [choice for chunk in chunks for choice in chunk.choices]
    return [choice.finish_reason for choice in choices if choice.finish_reason]


@contextlib.asynccontextmanager
async def scripted_side() -> AsyncIterator[Side]:
    """Start the model without delays, and the clients in front of it."""
    control = Control()
    async with (
        serve_scripted(control, delay_s=0) as url,
        AsyncOpenAI(base_url=url, api_key="any", max_retries=0) as openai,
        httpx2.AsyncClient(base_url=url) as http,
    ):
        yield Side(control, openai, http)
