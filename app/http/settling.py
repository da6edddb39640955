"""What has to be done before Lambda freezes the process, without the client waiting for it.

Our own runtime is handed it, and does it between the end of a response and its question for the
next event. The Lambda Web Adapter asks as soon as a response has ended; there the last byte goes
out, and the end of the body waits.
"""

import logging
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.aws.asgi_extensions import AFTERWARDS

logger = logging.getLogger("deltaline")


class Settling:
    """An ASGI app around another, for Lambda only.

    Args:
        settle: does what is left to do, within a limited time.
    """

    def __init__(self, app: ASGIApp, *, settle: Callable[[], Awaitable[None]]) -> None:
        self._app = app
        self._settle = settle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        afterwards = (scope.get("extensions") or {}).get(AFTERWARDS)
        if afterwards is not None:
            afterwards.append(self._settled)
            await self._app(scope, receive, send)
            return

        async def held(message: Message) -> None:
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if not is_last:
                await send(message)
                return
            await send({**message, "more_body": True})
            await self._settled()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, receive, held)

    async def _settled(self) -> None:
        try:
            await self._settle()
        except Exception:
            logger.exception("what follows a response has failed")
