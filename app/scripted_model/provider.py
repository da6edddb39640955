"""The scripted model as a provider of the server: for a first look without an API key."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from app.events import Emit
from app.messages import StepRequest
from app.providers.openers.httptools_client import HttpToolsOpener
from app.providers.openers.opener import Opener
from app.providers.provider import Provider
from app.scripted_model.serving import serve_scripted


class ScriptedProvider:
    """Serves the scripted model on a socket of this process and calls it like any other model.

    Args:
        speak: makes the provider for the API in use.
    """

    def __init__(self, speak: Callable[[Opener], Provider]) -> None:
        self._speak = speak
        self._stack = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._provider: Provider | None = None

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        async with self._starting:
            if self._provider is None:
                base_url = await self._stack.enter_async_context(serve_scripted())
                self._provider = self._speak(HttpToolsOpener(base_url=base_url))
                self._stack.push_async_callback(self._provider.aclose)
        await self._provider.stream_step(request, emit)

    async def aclose(self) -> None:
        await self._stack.aclose()
