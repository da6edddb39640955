"""A floor, not a product: our servers, uvicorn and Starlette, and of the rest only what it must do.

The task of the request waits for what a read of the model's connection brought, and sends it. What
Deltaline costs beyond this is its tools, errors, deadlines, protocols and keep-alives.
"""

import asyncio

from model_connection import connection, model_request
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send


class Answer(Response):
    media_type = "text/plain"

    def __init__(self, request: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({"x-vercel-ai-data-stream": "v1"})
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        loop = asyncio.get_running_loop()
        arrived: list[bytes] = []
        is_last = False
        waiter: asyncio.Future[None] | None = None

        def on_lines(lines: bytes, last: bool) -> None:
            nonlocal is_last
            arrived.append(lines)
            is_last = last
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

        (await connection()).ask(self._request, on_lines)
        more = True
        while more:
            if not arrived:
                waiter = loop.create_future()
                await waiter
                waiter = None
            body, more = b"".join(arrived), not is_last
            arrived.clear()
            await send({"type": "http.response.body", "body": body, "more_body": more})


async def chat(request: Request) -> Answer:
    return Answer(model_request(await request.body()))


async def health(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


app = Starlette(
    routes=[Route("/api/chat", chat, methods=["POST"]), Route("/health", health)],
)
