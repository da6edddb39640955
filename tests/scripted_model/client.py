"""What the tests of the scripted model share: its server with the `openai` package in front."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx2
import msgspec
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from app.scripted_model.control import Control
from app.scripted_model.conversation import Conversation
from app.scripted_model.serving import serve_scripted

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Parrot é漢字😀"}]


class Side(msgspec.Struct):
    """A running scripted model, and two clients: the package's and a bare one."""

    control: Control
    openai: AsyncOpenAI
    http: httpx2.AsyncClient

    async def stream(self, text: str, **more: Any) -> list[ChatCompletionChunk]:
        """Say ``text`` and return every chunk of the completion, as the package parses it."""
        stream = await self.openai.chat.completions.create(
            model="scripted",
            messages=more.pop("messages", [{"role": "user", "content": text}]),
            stream=True,
            **more,
        )
        return [chunk async for chunk in stream]

    async def raw(self, text: str, **more: Any) -> bytes:
        """Say ``text`` and return the bytes of the streamed completion."""
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


def calls_of(chunks: list[ChatCompletionChunk]) -> list[dict[str, str]]:
    """Join the deltas of every call: id, name, arguments."""
    calls: list[dict[str, str]] = []
    for chunk in chunks:
        for choice in chunk.choices:
            for delta in choice.delta.tool_calls or ():
                assert delta.function is not None
                if delta.index == len(calls):
                    calls.append({"id": delta.id or "", "name": delta.function.name or ""})
                    calls[-1]["arguments"] = ""
                calls[delta.index]["arguments"] += delta.function.arguments or ""
    return calls


def history_with(text: str, call: dict[str, str], output: str) -> list[dict[str, Any]]:
    """Return a history that ends with the output of a call."""
    function = {"name": call["name"], "arguments": call["arguments"]}
    return [
        {"role": "user", "content": text},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call["id"], "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call["id"], "content": output},
    ]


def schema_format(schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a `response_format` that asks for ``schema``."""
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, **more}}


def strict_tool(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return a strict function tool ``f``."""
    function = {"name": "f", "parameters": parameters, "strict": True}
    return {"type": "function", "function": function}


def client_of(url: str) -> AsyncOpenAI:
    """Return the `openai` package's client of the model at ``url``."""
    return AsyncOpenAI(base_url=url, api_key="any", max_retries=0)


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


def said(text: str, **more: Any) -> Conversation:
    """Return a conversation in which the user says ``text``."""
    return Conversation(model="scripted", user_texts=[text], **more)


def payload_of(event: bytes) -> Any:
    """Return the JSON in the data of one server-sent event."""
    [data] = [line for line in event.splitlines() if line.startswith(b"data: ")]
    return json.loads(data.removeprefix(b"data: "))
