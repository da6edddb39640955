"""An ASGI app that streams as many chunks as the query asks for, one per turn of the event loop.

Its server does nothing but send, so the cost of a chunk is the server's own.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

CHUNK = b'0:"a token of the usual size"\n'

Message = MutableMapping[str, Any]


async def app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    asked = parse_qs(scope["query_string"].decode()).get("n", ["1"])
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(int(asked[0])):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
