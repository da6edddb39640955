"""A model's server that sends without end, and the memory of a real server process meanwhile."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.chatting import ui_body
from tests.providers.hostile import BODIES, Api, attack
from tests.providers.upstream import serve

ROOT = Path(__file__).parents[2]
# What an attack may cost at its peak, in KiB: an answer of 16 MiB three times (its pieces, the
# message, the response), and what the first request loads.
MOST_KIB = 52 * 1024
# They end too, but 64 MiB of them take long (`test_step_stream`).
SLOW = {"endless comments", "endless empty events"}

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc"),
]


@contextlib.asynccontextmanager
async def _served(model: str, api: Api, client: str) -> AsyncIterator[tuple[str, int]]:
    """Serve in a process of its own, with tools; give its URL and process id."""
    settings = {"OPENAI_BASE_URL": model, "CHAT_API": api, "CHAT_CLIENT": client}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", "--demo", "--port", "0"),
        cwd=ROOT,
        env={**os.environ, **settings, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            if found := re.search(rb"Deltaline is at (http://[\d.:]+)", line):
                yield found[1].decode(), process.pid
                break
        else:
            raise AssertionError("the server did not start")
    finally:
        process.kill()
        await process.wait()


def _peak_kib(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def _cases() -> Iterator[tuple[str, Api, str, bool]]:
    """Yield attack, API, client and whether the response is streamed."""
    for name in sorted(BODIES.keys() - SLOW):
        yield name, "chat", "httptools", False
        yield name, "responses", "httptools", True
    # The other clients are another way to read, and not another way to decode.
    for client in ("aiohttp", "openai"):
        for name in ("one line", "endless text", "gzip"):
            yield name, "chat", client, name != "gzip"
    yield "endless text", "responses", "httptools", False


@pytest.mark.parametrize(("name", "api", "client", "is_stream"), list(_cases()))
async def test_what_never_ends_ends_in_an_error_and_takes_little_memory(
    name: str, api: Api, client: str, is_stream: bool
) -> None:
    async with (
        serve(attack(name, api)) as upstream,
        _served(upstream.url, api, client) as (url, pid),
        httpx2.AsyncClient(base_url=url, timeout=120) as http,
    ):
        await http.get("/health")
        before = _peak_kib(pid)
        async with http.stream("POST", "/api/chat", json=ui_body("Hi", stream=is_stream)) as chat:
            end = b""
            first = None
            async for piece in chat.aiter_bytes():
                first = first or piece
                end = (end + piece)[-400:]
        after = _peak_kib(pid)
        assert (await http.get("/health")).status_code == 200

    assert first is not None
    if chat.status_code == 200:
        assert b'"type":"error"' in end
        assert end.endswith(b"data: [DONE]\n\n")
    else:
        assert chat.status_code == 502
        assert first.startswith(b'{"success":false,"error":"')
    assert after - before < MOST_KIB


@pytest.mark.parametrize("client", ["httptools", "aiohttp", "openai"])
@pytest.mark.parametrize("name", ["one line", "gzip"])
async def test_the_body_of_an_error_takes_little_memory_too(name: str, client: str) -> None:
    async with (
        serve(*[attack(name, "chat", status=400)] * 3) as upstream,
        _served(upstream.url, "chat", client) as (url, pid),
        httpx2.AsyncClient(base_url=url, timeout=120) as http,
    ):
        await http.get("/health")
        before = _peak_kib(pid)
        chat = await http.post("/api/chat", json=ui_body("Hi"))
        after = _peak_kib(pid)

    assert chat.status_code == 400
    assert after - before < MOST_KIB
