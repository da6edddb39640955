"""Start-up and shut-down of an ASGI app, in a task of their own.

Source: ASGI specification, lifespan protocol 2.0.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

logger = logging.getLogger("deltaline.runtime")


class LifespanFailed(Exception):
    """The app said that it cannot start."""


class Lifespan:
    """The lifespan of one app. An app that does not support the protocol has none.

    Attributes:
        state: filled by the app at start-up, copied into the scope of each request.
    """

    def __init__(self, app: AsgiApp) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once the app has started.

        Raises:
            LifespanFailed: the app reported a failure; the message is its last line.
        """
        self._task = asyncio.create_task(self._run())
        await self._to_app.put({"type": "lifespan.startup"})
        message = await self._from_app.get()
        if message is not None and message["type"] == "lifespan.startup.failed":
            said = str(message.get("message", "")).strip()
            raise LifespanFailed(said.splitlines()[-1] if said else "the application did not start")

    async def stop(self) -> None:
        """Return once the app has shut down."""
        if self._task is None or self._task.done():
            return
        await self._to_app.put({"type": "lifespan.shutdown"})
        await self._from_app.get()
        await self._task

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._to_app.get, self._from_app.put)
        except Exception as error:
            # An app without a lifespan raises at the first message; the specification allows it.
            logger.debug("the application's lifespan ended: %s", error)
        finally:
            await self._from_app.put(None)
