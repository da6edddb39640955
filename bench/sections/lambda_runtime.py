"""E: on Lambda: the time from process start to the first byte, and the cost of a chunk."""

import http.client
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from bench import processes, servers
from bench.contenders import OURS_ON_LAMBDA, PEERS, ROOT, TYPED_ON_LAMBDA
from bench.lambda_front import (
    InvocationResponse,
    LambdaFront,
    NoResponse,
    function_url_event,
    lambda_front,
)
from bench.peers.chunks import CHUNK
from bench.running import Bench, expected_text, progress
from bench.servers import CHAT_PATH, START_TIMEOUT_S, Contender, Server, ServerFailed
from bench.table import Block, Figure, Section, median
from bench.wire import WrongAnswer, read_answer, request_body

CHUNKS = 20_000
WARM_UP_CHUNKS = 2_000

BEHIND_ADAPTER = "the typed stream on uvicorn behind the Lambda Web Adapter"
OURS_ON_UVLOOP = f"{OURS_ON_LAMBDA}, uvloop"
UVICORN = "uvicorn, asyncio"
UVICORN_ON_UVLOOP = "uvicorn, uvloop"

# `make adapter` builds it.
ADAPTER = ROOT / ".cache/lambda-web-adapter/1.0.0-rc1/bin/lambda-adapter"

_ON_LAMBDA = {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:{port}",
    "AWS_LAMBDA_FUNCTION_NAME": "chat",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/chat",
    "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
}
_CHUNKS_APP = "bench.peers.chunks:app"


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ColdStart:
    poll_s: float
    first_byte_s: float
    cpu_s: float
    rss: int


def measure(bench: Bench) -> Section:
    starts: dict[str, list[ColdStart]] = {}
    chunk_costs_us: dict[str, list[float]] = {}
    coldly, chunky = _cold_contenders(), _chunk_contenders()
    for number in range(bench.plan.rounds + 1):
        progress(f"E round {number} of {bench.plan.rounds}")
        for contender in coldly:
            start = _measured(bench, contender, _cold_start)
            if start and number:  # the first fills the page cache and writes the .pyc files
                starts.setdefault(contender.name, []).append(start)
        for contender, measured in chunky if number else ():
            cost_us = _measured(bench, contender, measured)
            if cost_us is not None:
                chunk_costs_us.setdefault(contender.name, []).append(cost_us)
    return Section(
        title="E. On Lambda: under a fake Runtime API",
        method=(
            f"Starts: {bench.plan.rounds}, medians; files in the page cache, .pyc files "
            "present, the event handed out at once. First byte: of the body, from one "
            "answer of one token to a Function URL's event. The peer is the typed app called in "
            "the process by the shortest loop that streams; behind the adapter the same app runs "
            "on uvicorn, as people run it. Chunks: the same ASGI app sends "
            f"{CHUNKS:,} of {len(CHUNK)} bytes, one each turn of the event loop; the figure holds "
            "the app, the loop and the server."
        ),
        blocks=[_cold_block(starts), _chunk_block(chunk_costs_us)],
        remarks=[] if _has_adapter() else ["The Lambda Web Adapter is not built: make adapter."],
        names=list(dict.fromkeys(one.name for one in (*coldly, *(one for one, _ in chunky)))),
        references={"typed": TYPED_ON_LAMBDA, "uvicorn": UVICORN},
    )


def _cold_contenders() -> list[Contender]:
    ours = Contender(
        name=OURS_ON_LAMBDA,
        command=(sys.executable, "-m", "app.lambda_runtime.runtime"),
        protocol="data",
        cwd=ROOT,
        env=_ON_LAMBDA,
    )
    typed = Contender(
        name=TYPED_ON_LAMBDA,
        command=(sys.executable, "lambda_typed.py"),
        protocol="data",
        cwd=PEERS,
        env=_ON_LAMBDA,
    )
    uvicorn = f"{sys.executable} -m uvicorn --port {{spare}} --log-level warning typed_stream:app"
    behind_adapter = Contender(
        name=BEHIND_ADAPTER,
        # Both at the same time, as Lambda starts them.
        command=("sh", "-c", f"{ADAPTER} & exec {uvicorn}"),
        protocol="data",
        cwd=PEERS,
        env={
            **_ON_LAMBDA,
            "AWS_LWA_PORT": "{spare}",
            "AWS_LWA_INVOKE_MODE": "response_stream",
            "AWS_LWA_READINESS_CHECK_PATH": "/health",
        },
    )
    return [ours, typed, *([behind_adapter] if _has_adapter() else [])]


def _has_adapter() -> bool:
    return os.access(ADAPTER, os.X_OK)


def _chunk_contenders() -> list[tuple[Contender, Callable[[Bench, Contender], float]]]:
    def ours(name: str, module: str) -> Contender:
        return Contender(
            name=name,
            command=(sys.executable, "-m", module),
            protocol="raw",
            cwd=ROOT,
            env={**_ON_LAMBDA, "_HANDLER": _CHUNKS_APP},
        )

    def uvicorn(name: str, loop: str) -> Contender:
        options = ("--lifespan", "off", "--no-access-log", "--log-level", "warning")
        where = ("--host", "127.0.0.1", "--port", "{port}", "--loop", loop)
        return Contender(
            name=name,
            command=(sys.executable, "-m", "uvicorn", *where, *options, _CHUNKS_APP),
            protocol="raw",
            cwd=ROOT,
        )

    return [
        (ours(OURS_ON_LAMBDA, "app.lambda_runtime.runtime"), _chunk_us_of_runtime),
        (ours(OURS_ON_UVLOOP, "bench.peers.runtime_on_uvloop"), _chunk_us_of_runtime),
        (uvicorn(UVICORN, "asyncio"), _chunk_us_of_uvicorn),
        (uvicorn(UVICORN_ON_UVLOOP, "uvloop"), _chunk_us_of_uvicorn),
    ]


def _measured(
    bench: Bench, contender: Contender, measure_one: Callable[[Bench, Contender], _T]
) -> _T | None:
    """The result, or None for one that has failed, now or in an earlier round."""
    if any(contender.name in failure for failure in bench.left_out):
        return None
    try:
        return measure_one(bench, contender)
    except (ServerFailed, WrongAnswer) as failure:
        bench.leave_out(failure)
        return None


def _cold_start(bench: Bench, contender: Contender) -> ColdStart:
    with _runtime(bench, contender) as (front, server):
        polled_at = _first_poll_at(front, server)
        event = function_url_event(CHAT_PATH, request_body("data", tokens=1))
        response = _invoke(front, server, event)
        cpu_s, rss = processes.cpu_s(server.pid), processes.rss(server.pid)
        if read_answer("data", response.body) != expected_text(1):
            raise WrongAnswer(f"{contender.name}: not the model's text")
        return ColdStart(
            poll_s=polled_at - server.started_at,
            first_byte_s=response.first_byte_at - server.started_at,
            cpu_s=cpu_s,
            rss=rss,
        )


def _chunk_us_of_runtime(bench: Bench, contender: Contender) -> float:
    with _runtime(bench, contender) as (front, server):

        def ask(chunks: int) -> bytes:
            event = function_url_event("/", query=f"n={chunks}")
            return _invoke(front, server, event).body

        _first_poll_at(front, server)
        return _chunk_us(server, ask)


def _chunk_us_of_uvicorn(bench: Bench, contender: Contender) -> float:
    with bench.start(contender) as server:

        def ask(chunks: int) -> bytes:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            connection.request("GET", f"/?n={chunks}")
            body = connection.getresponse().read()
            connection.close()
            return body

        return _chunk_us(server, ask)


def _chunk_us(server: Server, ask: Callable[[int], bytes]) -> float:
    ask(WARM_UP_CHUNKS)
    before_s = processes.cpu_s(server.pid)
    body = ask(CHUNKS)
    spent_s = processes.cpu_s(server.pid) - before_s
    if body != CHUNK * CHUNKS:
        raise WrongAnswer(f"{server.contender.name}: not the app's chunks: {body[:80]!r}")
    return spent_s / CHUNKS * 1e6


@contextmanager
def _runtime(bench: Bench, contender: Contender) -> Iterator[tuple[LambdaFront, Server]]:
    with (
        lambda_front() as front,
        servers.started(
            contender, port=front.port, upstream_port=bench.upstream_port, cpus=bench.cores.server
        ) as server,
    ):
        yield front, server


def _first_poll_at(front: LambdaFront, server: Server) -> float:
    while server.since_start_s() < START_TIMEOUT_S:
        server.require_running()
        if (polled_at := front.first_poll_at(within_s=0.2)) is not None:
            return polled_at
    raise server.failure("never asks for an event")


def _invoke(front: LambdaFront, server: Server, event: bytes) -> InvocationResponse:
    try:
        return front.invoke(event)
    except NoResponse as reason:
        raise server.failure(str(reason)) from None


def _cold_block(starts: Mapping[str, Sequence[ColdStart]]) -> Block:
    def column(key: str, label: str, value: Callable[[ColdStart], float]) -> Figure:
        values = {name: median(map(value, of_one)) for name, of_one in starts.items()}
        return Figure(f"lambda.{key}", label, values)

    return Block(
        caption="cold start",
        figures=[
            column("poll", "→ first event asked for, ms", lambda start: start.poll_s * 1000),
            column("first_byte", "→ first byte, ms", lambda start: start.first_byte_s * 1000),
            column("cpu", "CPU ms by the end", lambda start: start.cpu_s * 1000),
            column("rss", "RSS MiB by the end", lambda start: start.rss / 1024**2),
        ],
    )


def _chunk_block(costs_us: Mapping[str, Sequence[float]]) -> Block:
    values = {name: median(of_one) for name, of_one in costs_us.items()}
    return Block(
        caption="a chunk", figures=[Figure("lambda.chunk_us", "CPU µs/chunk", values, digits=1)]
    )
