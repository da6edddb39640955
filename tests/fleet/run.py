"""Runs a schedule against three server processes on one store; its result is a history."""

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.scripted_model.control import Control, RecordedRequest
from app.scripted_model.serving import serve_scripted
from tests.fleet.clients import Clients
from tests.fleet.engines import ENGINES, Engine
from tests.fleet.history import Call, Fault, History, ModelCall, Version
from tests.fleet.schedule import FAULTS, SERVERS, Break, FaultStep, Schedule, Step, make_schedule
from tests.fleet.servers import Server

# How long the last turns may take to end after all servers work again, in seconds: the dead ones
# are ended by those who read their chats.
_SETTLE_S = 45.0
# For how long nothing may change then, in seconds: turns that began without the store begin there
# one after the other.
_QUIET_S = 3.0
# How many of the last requests are under way at once.
_AT_ONCE = 8


class _Model(Control):
    """Notes for which message it was asked."""

    def __init__(self) -> None:
        super().__init__(keep=8)
        self.calls: list[ModelCall] = []

    def record(self, request: RecordedRequest) -> None:
        super().record(request)
        self.calls.append(_model_call(request.body, time.monotonic()))


def _model_call(body: dict[str, Any], at: float) -> ModelCall:
    text = str(body["messages"][-1]["content"])
    found = re.search(r"text='(m\d+)([a-z])0\b", text)
    assert found is not None, text
    return ModelCall(at, found[1], ord(found[2]) - ord("a"))


async def run(
    seed: int,
    seconds: float,
    folder: Path,
    *,
    engine: str = "sqlite",
    chats: int = 6,
    faults: Sequence[FaultStep] = FAULTS,
    pace_s: float = 0.7,
    words: range = range(5, 60),
    workers: int = 1,
) -> History:
    """Run for so many seconds and until everything has come to rest; return what was seen.

    Args:
        folder: where the logs and, if it has some, the engine's files go.
        chats, faults, pace_s, words: as for `make_schedule`.
        workers: processes of each server.
    """
    schedule = make_schedule(seed, seconds, chats=chats, faults=faults, pace_s=pace_s, words=words)
    model = _Model()
    async with (
        contextlib.AsyncExitStack() as stack,
        serve_scripted(model, delay_s=0) as model_url,
        ENGINES[engine](folder) as opened,
    ):
        settings = {"OPENAI_BASE_URL": model_url, "CHAT_RESUME_KEEP_S": str(seconds + 600)}
        environment = {**settings, **opened.environment}
        options = ("--workers", str(workers))
        servers = [Server(number, environment, folder, options) for number in range(SERVERS)]
        for server in servers:
            stack.push_async_callback(server.aclose)
        # The first makes the store, so that the others need not wait for each other.
        await servers[0].start()
        await asyncio.gather(*(server.start() for server in servers[1:]))
        clients = Clients(servers, schedule.versions)
        stack.push_async_callback(clients.aclose)
        broken = await _play(schedule, clients, servers, opened)
        await _settle(schedule, clients)
        notes = [note for server in servers for note in server.notes(time.monotonic)]
    return History(
        command=f"make fleet-test STORE={engine} SEED={seed} FLEET_S={seconds:g}",
        versions=_posted(schedule, clients.calls),
        calls=clients.calls,
        faults=broken,
        notes=sorted(notes, key=lambda note: note.at),
        model_calls=model.calls,
    )


async def _play(
    schedule: Schedule, clients: Clients, servers: Sequence[Server], engine: Engine
) -> list[Fault]:
    began = time.monotonic()
    faults: list[Fault] = []

    async def take(step: Step) -> None:
        await _until(began + step.at)
        await clients.take(step)

    async def break_(one: Break) -> None:
        await _until(began + one.at)
        await _break(one, servers, engine, faults)

    async with asyncio.TaskGroup() as group:
        for step in schedule.steps:
            group.create_task(take(step))
        for one in schedule.breaks:
            group.create_task(break_(one))
    return sorted(faults, key=lambda fault: fault.at)


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))


async def _break(
    one: Break, servers: Sequence[Server], engine: Engine, faults: list[Fault]
) -> None:
    if one.what == "restart all":
        for server in servers:
            await _break(Break(one.at, "restart", server.number, 0), servers, engine, faults)
        return
    if one.server is None:
        at = time.monotonic()
        await engine.stop_working()
        await asyncio.sleep(one.for_s)
        await engine.work_again()
        faults.append(Fault(one.kind, None, at, time.monotonic()))
        return
    server = servers[one.server]
    async with server.breaking:  # starting takes longer than planned on a busy machine
        at = time.monotonic()
        match one.what:
            case "kill":
                await server.kill()
                await asyncio.sleep(one.for_s)
                await server.start()
            case "pause":
                server.suspend()
                await asyncio.sleep(one.for_s)
                server.go_on()
            case _:
                status = await server.terminate()
                assert status == 0, f"server {server.number} ended with {status}"
                await server.start()
        faults.append(Fault(one.kind, one.server, at, time.monotonic()))


async def _settle(schedule: Schedule, clients: Clients) -> None:
    """Wait until every turn has ended, and read everything from everywhere."""
    chats = sorted({step.chat for step in schedule.steps})
    until = time.monotonic() + _SETTLE_S
    before: list[Any] = []
    quiet_since = time.monotonic()
    while time.monotonic() < min(until, quiet_since + _QUIET_S):
        found = [await clients.read(chat, 0) for chat in chats]
        shown = [(call.status, call.body) for call in found]
        is_running = any(body is not None and body["turn"] is not None for _, body in shown)
        if is_running or shown != before:
            quiet_since = time.monotonic()
        before = shown
        await asyncio.sleep(0.5)
    turns = {call.turn: call.chat for call in clients.calls if call.turn is not None}
    slots = asyncio.Semaphore(_AT_ONCE)

    async def read(chat: str, server: int) -> None:
        async with slots:
            await clients.read(chat, server, is_last=True)

    async def follow(turn: str, chat: str, server: int, start: int | None) -> None:
        facts = {"kind": "follow", "chat": chat, "server": server, "is_last": True}
        async with slots:
            await clients.follow({**facts, "asked_turn": turn, "start": start})

    async with asyncio.TaskGroup() as group:
        for server in range(SERVERS):
            for chat in chats:
                group.create_task(read(chat, server))
            for turn, chat in turns.items():
                group.create_task(follow(turn, chat, server, 0 if server == 0 else None))


def _posted(schedule: Schedule, calls: Sequence[Call]) -> list[Version]:
    """Return the versions that somebody has sent."""
    sent = {(call.message, call.version) for call in calls}
    return [one for one in schedule.versions if (one.message, one.number) in sent]
