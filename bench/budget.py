"""What a token costs that comes alone, step by step: the table in docs/architecture.md.

    python -m bench.budget                    less than a minute, on one core

All of it runs in this one process, over real sockets: the mock of the model writes a token, and the
next one when the client has it. The time inside each step is taken in the running program, one step
at a time: called by itself in a loop, with everything in the processor's caches, it would seem to
cost a third. A relay in the same harness, which only copies bytes from one socket to the other,
shows what sockets and event loop cost.

All figures are microseconds. They are good for shares, and for comparing two versions on one
machine; the client and the mock are in the whole, and in the relay.
"""

import asyncio
import contextlib
import functools
import json
import logging
import os
import socket
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple, cast

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.at_once import AtOnce
from app.main import create_lean_app
from app.protocols.framing import Framer
from app.providers.openai.chat_decoder import ChatDecoder
from app.providers.openers.connection import Connection
from app.settings import load_settings
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.turn import _Turn

_TRIES = 40
_TOKENS = 100
_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: text/event-stream\r\n\r\n"
_CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "delta": {"content": " budget"}, "finish_reason": None}],
    "obfuscation": "abcdefghijklmnop",
}
_EVENT = b"data: " + json.dumps(_CHUNK).encode() + b"\n\n"
_READ = b"%x\r\n%s\r\n" % (len(_EVENT), _EVENT)
_BODY = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "id": "c"}).encode()
_QUESTION = (
    b"POST /api/chat?protocol=data HTTP/1.1\r\nhost: localhost\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
)


class _Step(NamedTuple):
    """One method that each token passes through, and those below it that have rows of their own."""

    label: str
    owner: Any
    method: str
    below: tuple[int, ...]


_STEPS = (
    _Step("the read: HTTP framing of the model's response", Connection, "data_received", (1,)),
    _Step("going on with the turn in the read's callback", AtOnce, "on_news", (2, 3)),
    _Step("server-sent event, JSON, event", ChatDecoder, "feed", ()),
    _Step("turn: answer size, the step's record", _Turn, "_forward", (4,)),
    _Step("live turn: what is counted, stop wishes", LiveTurn, "_emit", (5, 6)),
    _Step("grammar and encoder", Framer, "frame", ()),
    _Step("outbox, response, Starlette's two layers", Outbox, "put", (7,)),
    _Step("uvicorn: HTTP framing, hand-over to the socket", RequestResponseCycle, "send", ()),
)


def main() -> None:
    """Measure, and print the table."""
    logging.disable(logging.CRITICAL)
    print("| step | us |\n| --- | ---: |")
    for name, cost_us in uvloop.run(_measured()):
        print(f"| {name} | {cost_us:.1f} |")


async def _measured() -> list[tuple[str, float]]:
    async with _model() as (models, port):
        os.environ.update(OPENAI_API_KEY="k", OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1")
        relay, ours = await _relay(port), await _server()

        async def whole_us(server: int) -> float:
            client = await _client(server)
            model = await models.get()
            return min([await _token_us(model, client) for _ in range(_TRIES)])

        rows = [
            ("the whole", await whole_us(ours)),
            ("the same by a relay of bytes", await whole_us(relay)),
        ]
        inside = []
        for step in _STEPS:
            with _timed(step) as times:
                await whole_us(ours)
            inside.append(statistics.quantiles(times, n=10)[0] / 1000)
    own = [
        cost - sum(inside[number] for number in step.below)
        for step, cost in zip(_STEPS, inside, strict=True)
    ]
    return [*((step.label, cost) for step, cost in zip(_STEPS, own, strict=True)), *rows]


@contextlib.contextmanager
def _timed(step: _Step) -> Iterator[list[int]]:
    """Take the nanoseconds that each call of the step's method takes."""
    times: list[int] = []
    method = getattr(step.owner, step.method)
    clock = time.perf_counter_ns

    @functools.wraps(method)
    def call(*args: Any) -> Any:
        start = clock()
        returned = method(*args)
        times.append(clock() - start)
        return returned

    @functools.wraps(method)
    async def wait(*args: Any) -> Any:
        start = clock()
        returned = await method(*args)
        times.append(clock() - start)
        return returned

    setattr(step.owner, step.method, wait if asyncio.iscoroutinefunction(method) else call)
    try:
        yield times
    finally:
        setattr(step.owner, step.method, method)


async def _token_us(model: socket.socket, client: socket.socket) -> float:
    """Return the CPU time from a token's write by the model to its read by the client."""
    with contextlib.suppress(BlockingIOError):
        while client.recv(65536):
            pass
    start = time.thread_time_ns()
    for _ in range(_TOKENS):
        os.write(model.fileno(), _READ)
        while True:
            await asyncio.sleep(0)
            try:
                client.recv(65536)
            except BlockingIOError:
                continue
            break
    return (time.thread_time_ns() - start) / _TOKENS / 1000


@contextlib.asynccontextmanager
async def _model() -> AsyncIterator[tuple[asyncio.Queue[socket.socket], int]]:
    """Serve a model that begins to answer; yield the connections on which it does, and its port."""
    asked: asyncio.Queue[socket.socket] = asyncio.Queue()

    class Model(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            if b"POST" in data:
                self._transport.write(_HEAD)
                asked.put_nowait(self._transport.get_extra_info("socket"))

    server = await asyncio.get_running_loop().create_server(Model, "127.0.0.1", 0)
    yield asked, server.sockets[0].getsockname()[1]
    server.close()


async def _relay(model_port: int) -> int:
    """Start a server that copies what a model says; return its port."""
    loop = asyncio.get_running_loop()

    class Front(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            self._asking = loop.create_task(
                loop.create_connection(lambda: Back(self._transport), "127.0.0.1", model_port)
            )

    class Back(asyncio.Protocol):
        def __init__(self, front: asyncio.Transport) -> None:
            self._write = front.write

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            cast(asyncio.Transport, transport).write(b"POST / HTTP/1.1\r\n\r\n")

        def data_received(self, data: bytes) -> None:
            self._write(data)

    server = await loop.create_server(Front, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


async def _server() -> int:
    """Start the product; return its port."""
    config = uvicorn.Config(
        create_lean_app(load_settings()), port=0, log_config=None, lifespan="on", access_log=False
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


async def _client(port: int) -> socket.socket:
    """Ask; return a connection on which the answer comes."""
    client = socket.create_connection(("127.0.0.1", port))
    client.setblocking(False)
    question = _QUESTION % (len(_BODY), _BODY)
    await asyncio.get_running_loop().sock_sendall(client, question)
    return client


if __name__ == "__main__":
    main()
    os._exit(0)  # the server goes on until it is told to stop, and nobody needs its end
