"""A server that runs out of descriptors says so and recovers, as a process of its own."""

import asyncio
import errno
import json
import resource
import sys
from asyncio.subprocess import PIPE
from typing import Any

import pytest

from app.http.descriptors import Room, report_seldom
from tests.chatting import logged

SERVER = """
import os, sys, asyncio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from app.http import server
from app.http.listening import listen, url_of
from app.telemetry.log import configure_logging

if sys.argv[1] == "asyncio":
    server._has_uvloop = lambda: False
held = []

async def take(_):
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return PlainTextResponse("taken")

async def give(_):
    while held:
        os.close(held.pop())
    return PlainTextResponse("given")

configure_logging()
app = Starlette(routes=[Route("/take", take), Route("/give", give)])
listener = listen("127.0.0.1", 0)
url = url_of(listener, "127.0.0.1")
server.serve(
    app,
    listener,
    stop_turns=lambda: None,
    on_up=lambda: print(url, flush=True),
    grace_s=5,
)
"""


class Client:
    """A raw client with one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def get(self, path: str) -> str:
        self.writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        return await self.read()

    async def read(self) -> str:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return head + (await self._reader.readexactly(length)).decode()


@pytest.mark.real
@pytest.mark.timeout(120)
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
async def test_a_server_without_descriptors_lives_on_and_says_so_once(loop: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, loop),
        stdout=PIPE,
        stderr=PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)),
    )
    assert process.stdout is not None
    port = int((await process.stdout.readline()).rpartition(b":")[2])
    try:

        async def connect() -> Client:
            return Client(*await asyncio.open_connection("127.0.0.1", port))

        first, second = await connect(), await connect()
        assert "taken" in await first.get("/take")
        # Nobody can be accepted now; these wait, or are cut.
        late = [await connect() for _ in range(5)]
        for _ in range(3):
            assert "404" in await second.get("/nothing")
        assert "given" in await first.get("/give")
        async with asyncio.timeout(30):
            again = await connect()
            assert "404" in await again.get("/nothing")
        for client in (*late, first, second, again):
            client.writer.transport.abort()
        process.terminate()
        _, logged_bytes = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    lines: list[dict[str, Any]] = [json.loads(line) for line in logged_bytes.splitlines()]
    assert len(lines) == (1 if loop == "asyncio" else 0)  # uvloop cuts them without a word
    assert all("there is no descriptor" in line["message"] for line in lines)
    assert process.returncode == 0


class Numbered(asyncio.Transport):
    """A connection with this descriptor."""

    def __init__(self, number: int) -> None:
        super().__init__({"socket": self})
        self._number = number

    def fileno(self) -> int:
        return self._number


async def test_the_last_descriptors_are_kept_from_connections() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    last = min(soft, 65536) - 1
    room = Room()
    with logged() as log:
        assert room.has_one_more(1, Numbered(10))
        assert not room.has_one_more(1, Numbered(last))
        assert not room.has_one_more(1, Numbered(last))

    assert ["nearly all" in record.getMessage() for record in log.records] == [True]


async def test_other_exceptions_of_the_loop_reach_whoever_handled_them() -> None:
    loop = asyncio.get_running_loop()
    handled: list[dict[str, Any]] = []
    accepting = {"message": "socket.accept() out of system resource"}
    with logged() as log:
        report_seldom(loop)
        loop.call_exception_handler({"message": "odd"})
        loop.set_exception_handler(lambda _, context: handled.append(context))
        report_seldom(loop)
        loop.call_exception_handler({"message": "other"})
        loop.call_exception_handler({**accepting, "exception": OSError(errno.EBADF, "x")})
        loop.call_exception_handler({**accepting, "exception": OSError(errno.EMFILE, "x")})

    assert [record.getMessage() for record in log.records] == [
        "odd",
        "there is no descriptor for a new connection; a higher ulimit -n allows more",
    ]
    assert [context["message"] for context in handled] == ["other", accepting["message"]]
