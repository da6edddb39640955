"""What telemetry costs a token and a turn: ``python -m bench.telemetry_cost``.

Servers with and without it run side by side and take turns, round by round, so that a busy machine
is busy for all of them. The scripted model speaks at its own pace, so that tokens come alone; a
receiver takes what is sent and throws it away. What counts is the CPU time of the server process,
its exporting threads included, for short answers and for long ones: the difference is what the
tokens cost, the rest what a turn costs. The least of all rounds is taken.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx2

from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted

_SHORT, _LONG = 2, 402
# Above these the issue is not met: a ratio, and milliseconds.
MOST_PER_TOKEN = 1.02
MOST_PER_TURN_MS = 0.3


class Server:
    """A running server, by its name."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, url: str) -> None:
        self.name = name
        self.process = process
        self.url = url
        self.short_ms: list[float] = []
        self.long_ms: list[float] = []

    def cpu_ms(self) -> float:
        """Return the CPU time of the process so far, to the nanosecond where Linux says so."""
        total = 0
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with (
                contextlib.suppress(FileNotFoundError),
                open(f"/proc/{self.process.pid}/task/{thread}/schedstat") as file,
            ):
                total += int(file.read().split()[0])
        return total / 1e6


def costs(short_ms: Sequence[float], long_ms: Sequence[float]) -> tuple[float, float]:
    """Return what a token and a turn cost, in microseconds and in milliseconds."""
    short, long = min(short_ms), min(long_ms)
    token_us = (long - short) / (_LONG - _SHORT) * 1000
    return token_us, short - _SHORT * token_us / 1000


@contextlib.asynccontextmanager
async def _server(name: str, model: str, environ: Mapping[str, str]) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", "--demo", "--port", "0"),
        env={**os.environ, "OPENAI_BASE_URL": model, "OPENAI_API_KEY": "x", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            if b"http://" in line:
                url = "http://" + line.split(b"http://", 1)[1].split()[0].decode()
                yield Server(name, process, url)
                break
    finally:
        process.terminate()
        await process.wait()


@contextlib.contextmanager
def _sink() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def _cost_ms(server: Server, http: httpx2.AsyncClient, turns: int, tokens: int) -> float:
    """Return the CPU time of a turn with so many tokens."""
    text = f"scenario: text tokens={tokens} delay=0.001"
    body = {"messages": [{"role": "user", "content": text}]}

    async def ask() -> None:
        response = await http.post(f"{server.url}/api/chat", json=body)
        assert response.status_code == 200

    before = server.cpu_ms()
    for _ in range(turns // 10):
        await asyncio.gather(*(ask() for _ in range(10)))
    return (server.cpu_ms() - before) / (turns // 10 * 10)


async def measure(rounds: int, turns: int) -> list[Server]:
    """Return the servers with what has been measured; the first is the one without telemetry."""
    async with contextlib.AsyncExitStack() as stack:
        sink = stack.enter_context(_sink())
        control = Control(keep=1)
        model = await stack.enter_async_context(serve_scripted(control, delay_s=0))
        kinds: Mapping[str, Mapping[str, str]] = {
            "off": {},
            "OpenTelemetry": {"OTEL_EXPORTER_OTLP_ENDPOINT": sink},
            "OpenTelemetry, not sampled": {
                "OTEL_EXPORTER_OTLP_ENDPOINT": sink,
                "OTEL_TRACES_SAMPLER": "always_off",
            },
            "/metrics": {"CHAT_METRICS_PORT": str(_free_port())},
        }
        servers = [
            await stack.enter_async_context(_server(name, model, environ))
            for name, environ in kinds.items()
        ]
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=60))
        for server in servers:
            await _cost_ms(server, http, 100, _SHORT)  # what is loaded by the first
        for number in range(rounds):
            for server in servers if number % 2 else reversed(servers):
                server.short_ms.append(await _cost_ms(server, http, turns, _SHORT))
                server.long_ms.append(await _cost_ms(server, http, turns // 5, _LONG))
        return servers


def main() -> None:
    """Measure, and show the costs beside those of the server without telemetry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--turns", type=int, default=200)
    given = parser.parse_args()
    servers = asyncio.run(measure(given.rounds, given.turns))
    base_token, base_turn = costs(servers[0].short_ms, servers[0].long_ms)
    print("| telemetry | µs a token | × off | ms a turn besides | + ms |")
    print("|---|---:|---:|---:|---:|")
    for server in servers:
        token, turn = costs(server.short_ms, server.long_ms)
        ratio, more = token / base_token, turn - base_turn
        print(f"| {server.name} | {token:.1f} | {ratio:.3f} | {turn:.3f} | {more:+.3f} |")
    print(f"\nBounds: × {MOST_PER_TOKEN} a token, + {MOST_PER_TURN_MS} ms a turn.")


if __name__ == "__main__":
    main()
