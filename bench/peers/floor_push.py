"""A floor, not a product: protocols on both sides, no ASGI and no task while an answer streams.

What the model's connection reads is written to the client's from within ``data_received``.
"""

import asyncio
import sys
from typing import cast

import httptools
import uvloop
from model_connection import connection, model_request

HEALTHY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-vercel-ai-data-stream: v1\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


class ClientConnection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._asking: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, piece: bytes) -> None:
        self._body.append(piece)

    def on_message_complete(self) -> None:
        body = b"".join(self._body)
        self._body.clear()
        if self._url == b"/health":
            self._transport.write(HEALTHY)
        else:
            self._asking = asyncio.ensure_future(self._ask(model_request(body)))

    async def _ask(self, request: bytes) -> None:
        self._transport.write(HEAD)
        (await connection()).ask(request, self._send)

    def _send(self, lines: bytes, last: bool) -> None:
        end = b"0\r\n\r\n" if last else b""
        self._transport.write(b"%x\r\n%b\r\n%b" % (len(lines), lines, end))


async def main(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(ClientConnection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


uvloop.run(main(int(sys.argv[1])))
