"""The scripted model as the server's own provider: for a first look without a key."""

import asyncio
from contextlib import AsyncExitStack

from app.messages import StepRequest
from app.providers import Emit
from app.providers.openai_chat import OpenAIChat
from app.providers.opener_aiohttp import AiohttpOpener
from app.providers.scripted.serving import serve_scripted


class ScriptedProvider:
    """Serves the scripted model on a socket of this process and talks to it as to any other."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._chat: OpenAIChat | None = None

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        async with self._starting:
            if self._chat is None:
                base_url = await self._stack.enter_async_context(serve_scripted())
                self._chat = OpenAIChat(AiohttpOpener(base_url=base_url))
                self._stack.push_async_callback(self._chat.aclose)
        await self._chat.stream_step(request, emit)

    async def aclose(self) -> None:
        await self._stack.aclose()
