"""Runs chats on real server processes and a real engine, and counts what they have cost."""

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted
from bench.processes import cpu_s, rss
from bench.scaling.arithmetic import Flushing, Load, batches_per_turn, fitted
from bench.scaling.constants import SERVER_CPU, Check, Engine
from bench.scaling.counting import Counter, RedisCounter, SqliteCounter
from bench.scaling.dynamodb_counting import DynamodbCounter
from bench.scaling.page import INTERVALS_S
from bench.scaling.simulation import Turn, simulate
from tests.fleet.clients import Clients
from tests.fleet.engines import ENGINES
from tests.fleet.history import Call, Version
from tests.fleet.schedule import Step
from tests.fleet.servers import Server
from tests.redis_server import redis_server
from tests.store.dynamodb_local import own_environment, running_dynamodb
from tests.store.dynamodb_tables import make_table

# Streams at once, tokens of an answer, seconds between tokens, turns of each stream: short and long
# answers, and tokens that come alone and together, so that turn, batch and token can be told apart.
_SHAPES = ((12, 10, 0.05, 3), (12, 80, 0.05, 1), (12, 90, 0.01, 2))
_CHECK = (36, 70, 0.05, 2)
# DynamoDBLocal, and what counts its calls, need more of the machine than DynamoDB does.
_CHECKS = {"dynamodb": (18, 70, 0.05, 2)}
_CHECK_PROCESSES = 3
# What is not compared: times, which a busy machine stretches, and what an allocator makes of bytes.
_VAGUE = ("CPU", "kept")
# Until everything that a turn costs has been written, in seconds.
_LAST_WRITES_S = 1.5
_FOLLOWERS = 100
_TABLE = "scale"


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked for, and what that has cost; ``tick_s`` is how long a flusher's tick took."""

    turns: Sequence[Turn]
    costs: Mapping[str, float]
    tick_s: float

    @property
    def asked(self) -> Mapping[str, float]:
        tokens = sum(turn.tokens for turn in self.turns)
        return {"turns": len(self.turns), "batches": self.costs["batches"], "tokens": tokens}


def flushing_of(engine: str) -> Flushing:
    """Return when the processes write with this engine."""
    return Flushing(INTERVALS_S[engine])


async def measure(engine: str) -> Engine:
    """Return an engine's constants, and how well they predict a run of several processes."""
    flushing = flushing_of(engine)
    runs = [await _run(engine, shape, processes=1) for shape in _SHAPES]
    names = [name for name in runs[0].costs if name != "batches"]
    costs = {name: fitted([(run.asked, run.costs[name]) for run in runs]) for name in names}
    shape = _CHECKS.get(engine, _CHECK)
    real = await _run(engine, shape, processes=_CHECK_PROCESSES)
    streams, tokens, token_s, _ = shape
    # As fast as they came, and as late as a sleep was: a busy machine is, and that is not what is
    # checked.
    token_s = sum(turn.token_s for turn in real.turns) / len(real.turns)
    batches = batches_per_turn(Load(streams, token_s, tokens), _CHECK_PROCESSES, flushing)
    count = len(real.turns)
    checks = [
        Check(
            "batches",
            real.costs["batches"],
            batches * count,
            simulate(real.turns, flushing).batches,
            simulate(real.turns, Flushing(interval_s=real.tick_s)).batches,
        )
    ]
    for name in names:
        if not any(word in name for word in _VAGUE):
            # Of the batches that there were: how many there are is the check above.
            computed = costs[name].of(**real.asked)
            checks.append(Check(name, real.costs[name], computed, computed, computed))
    load = (
        f"{_CHECK_PROCESSES} processes, {streams} streams, {count} answers of {tokens} tokens, one "
        f"every {1000 * token_s:.0f} ms, and {1000 * real.tick_s:.0f} ms for a tick of "
        f"{1000 * flushing.interval_s:.0f}"
    )
    return Engine(costs, tuple(checks), load)


async def _run(engine: str, shape: tuple[int, int, float, int], *, processes: int) -> Run:
    streams, tokens, token_s, each = shape
    versions = [
        Version(f"m{stream * each + n}", 0, f"s{stream}", _words(stream * each + n, tokens), 0)
        for stream in range(streams)
        for n in range(each)
    ]
    async with AsyncExitStack() as stack:
        servers, counter = await _started(stack, engine, processes)
        clients = Clients(servers, versions, delay_s=token_s)
        stack.push_async_callback(clients.aclose)
        await clients.take(_post("m0", "warm-up", 0))
        await asyncio.sleep(_LAST_WRITES_S)
        before = await _counts(counter, servers)

        async def chat(stream: int) -> list[Call]:
            # Not all in the same tick.
            await asyncio.sleep(stream / streams * tokens * token_s / 2)
            steps = [
                _post(f"m{stream * each + n}", f"s{stream}", stream % processes)
                for n in range(each)
            ]
            return [await clients.take(step) for step in steps]

        slept: list[float] = []
        interval_s, turns_each = flushing_of(engine).interval_s, streams // processes
        sleeping = asyncio.create_task(_tick(interval_s, counter, turns_each, slept))
        chats = await asyncio.gather(*map(chat, range(streams)))
        sleeping.cancel()
        await asyncio.sleep(_LAST_WRITES_S)
        after = await _counts(counter, servers)
    costs = {name: after[name] - before[name] for name in after}
    turns = [_turn(call, tokens) for calls in chats for call in calls]
    return Run(turns, costs, sum(slept) / len(slept))


async def _tick(interval_s: float, counter: Counter, turns: int, slept: list[float]) -> None:
    """Sleep and write as a flusher does, again and again, and note how long that takes."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(interval_s)
        await counter.write_alike(turns)
        slept.append(time.perf_counter() - began)


async def _counts(counter: Counter, servers: Sequence[Server]) -> Mapping[str, float]:
    used = sum(cpu_s(server.pid) for server in servers)
    return {**await counter.counts(), SERVER_CPU: 1e6 * used}


async def measure_followers(engine: str) -> Mapping[str, float]:
    """Return what one of many followers costs a process that does not run the turn."""
    tokens, token_s = 150, 0.1
    version = Version("m0", 0, "s0", _words(0, tokens), 0)
    async with AsyncExitStack() as stack:
        servers, _ = await _started(stack, engine, 2)
        clients = Clients(servers, [version], delay_s=token_s)
        stack.push_async_callback(clients.aclose)
        facts = {"kind": "follow", "chat": "s0", "server": 1, "asked_turn": None, "start": None}
        posting = asyncio.create_task(clients.take(_post("m0", "s0", 0)))
        await asyncio.sleep(1.0)
        await clients.follow(facts, leave_after=3)  # what the first one loads
        pid = servers[1].pid
        memory, spent = rss(pid), cpu_s(pid)
        following = [asyncio.create_task(clients.follow(facts)) for _ in range(_FOLLOWERS)]
        await asyncio.sleep(5.0)
        grown = rss(pid) - memory
        calls = await asyncio.gather(*following)
        spent = cpu_s(pid) - spent
        await posting
    received = sum(len(call.pieces) for call in calls)
    return {"cpu_us": 1e6 * spent / received, "kib": grown / 1024 / _FOLLOWERS}


async def _started(
    stack: AsyncExitStack, engine: str, processes: int
) -> tuple[list[Server], Counter]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
    model = await stack.enter_async_context(serve_scripted(Control(keep=1), delay_s=0))
    counter: Counter
    if engine == "redis":
        redis = await stack.enter_async_context(redis_server())
        environment, counter = {"CHAT_STORE": redis.url}, RedisCounter(redis)
    elif engine == "dynamodb":
        target = stack.enter_context(running_dynamodb())
        await make_table(target, _TABLE)
        between = await stack.enter_async_context(DynamodbCounter(target, _TABLE).listen())
        environment, counter = (
            {**own_environment(between.url), "CHAT_STORE": f"dynamodb:{_TABLE}"},
            between,
        )
    else:
        opened = await stack.enter_async_context(ENGINES[engine](folder))
        environment, counter = dict(opened.environment), SqliteCounter(folder / "chats.db")
    settings = {"OPENAI_BASE_URL": model, **environment}
    servers = [Server(number, settings, folder) for number in range(processes)]
    for server in servers:
        stack.push_async_callback(server.aclose)
        await server.start()
    return servers, counter


def _words(message: int, count: int) -> list[str]:
    # Seven characters at most: a word is a token of the scripted model.
    return [f"{message:02d}a{n:03d}" for n in range(count)]


def _post(message: str, chat: str, server: int) -> Step:
    fields = {"chat": chat, "server": server, "message": message, "version": 0}
    return Step(number=0, at=0, kind="post", **fields)  # type: ignore[arg-type]


def _turn(call: Call, tokens: int) -> Turn:
    assert call.end == "done", call
    # Tokens that come in one read of the model's connection are one delta.
    times = [piece.at for piece in call.pieces if '"text-delta"' in piece.data]
    token_s = (times[-1] - times[0]) / (tokens - 1)
    return Turn(call.server, times[0] - token_s, token_s, tokens)


def today() -> str:
    return time.strftime("%Y-%m-%d")
