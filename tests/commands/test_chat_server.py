"""``serve`` with several workers: real processes on one port."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.scripted_model.control import Control
from tests.chatting import Reader, data_body, ui_body
from tests.container.entrypoint import environment, started
from tests.server_process import refuses_connections, serving

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
RESTARTING = b"The server is restarting; please send your message again."
STALL = "scenario: stall after=2 gate=never"


async def _health(http: httpx2.AsyncClient) -> dict[str, Any]:
    response = await http.get("/health")
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


@contextlib.asynccontextmanager
async def _each_worker(url: str, count: int = 2) -> AsyncIterator[dict[int, httpx2.AsyncClient]]:
    """Give a client of each worker, by its number: each has one connection, which it keeps."""
    async with contextlib.AsyncExitStack() as stack:
        clients: dict[int, httpx2.AsyncClient] = {}
        while len(clients) < count:
            limits = httpx2.Limits(max_connections=1)
            client = httpx2.AsyncClient(base_url=url, timeout=60, limits=limits)
            await stack.enter_async_context(client)
            clients.setdefault((await _health(client))["worker"], client)
        yield clients


async def test_two_workers_share_a_port_a_log_and_a_shutdown(model: str, control: Control) -> None:
    async with serving(
        "--workers", "2", "--shutdown-grace", "0.5", OPENAI_BASE_URL=model
    ) as server:
        async with _each_worker(server.url) as workers:
            healths = {number: await _health(client) for number, client in workers.items()}
            async with contextlib.AsyncExitStack() as stack:
                readers = []
                for client in workers.values():
                    stream = client.stream("POST", "/api/chat", json=ui_body(STALL))
                    readers.append(Reader(await stack.enter_async_context(stream)))
                for reader in readers:
                    await reader.until(b"word1")
                server.process.send_signal(signal.SIGTERM)
                wholes = [await reader.rest() for reader in readers]
        status, log = await server.ended()

    assert {number: (h["worker"], h["workers"]) for number, h in healths.items()} == {
        1: (1, 2),
        2: (2, 2),
    }
    assert len({health["pid"] for health in healths.values()} - {server.process.pid}) == 2
    for whole in wholes:
        assert RESTARTING in whole
        assert whole.endswith(b"data: [DONE]\n\n")
    assert status == 0
    assert sorted((line["worker"], line["error_code"]) for line in log) == [
        (1, "shutdown"),
        (2, "shutdown"),
    ]


async def test_a_worker_that_is_killed_is_replaced_and_the_other_goes_on(
    model: str, control: Control
) -> None:
    async with serving("--workers", "2", OPENAI_BASE_URL=model) as server:
        async with _each_worker(server.url) as workers:
            one, other = workers[1], workers[2]
            killed = (await _health(one))["pid"]
            body = data_body("scenario: stall after=2 gate=middle")
            async with other.stream("POST", "/api/chat", json=body) as response:
                reader = Reader(response)
                await reader.until(b"word1")
                os.kill(killed, signal.SIGKILL)
                async with _each_worker(server.url) as both:
                    replaced = (await _health(both[1]))["pid"]
                control.gate("middle").open()
                whole = await reader.rest()
        server.process.send_signal(signal.SIGTERM)
        status, log = await server.ended()

    assert replaced != killed
    assert b"word11" in whole
    assert status == 0
    deaths = [line for line in log if line["logger"] == "deltaline.workers"]
    assert [line["message"] for line in deaths] == [
        f"worker 1 (process {killed}) ended by SIGKILL; another one takes its place"
    ]
    assert deaths[0]["level"] == "error"
    assert "worker" not in deaths[0]


async def test_a_supervisor_that_is_killed_leaves_nobody_on_the_port(model: str) -> None:
    async with serving(
        "--workers", "2", "--shutdown-grace", "0.2", OPENAI_BASE_URL=model
    ) as server:
        async with (
            httpx2.AsyncClient(base_url=server.url, timeout=60) as http,
            http.stream("POST", "/api/chat", json=ui_body(STALL)) as response,
        ):
            reader = Reader(response)
            await reader.until(b"word1")
            server.process.send_signal(signal.SIGKILL)
            whole = await reader.rest()
        await refuses_connections(server.url)
        # Ends when the workers, who share it, have ended.
        await server.process.communicate()
        port = int(server.url.rpartition(":")[2])
        socket.create_server(("127.0.0.1", port)).close()

    assert RESTARTING in whole


async def test_the_interrupt_key_ends_all_without_a_traceback(model: str) -> None:
    async with serving("--workers", "2", OPENAI_BASE_URL=model) as server:
        # As a terminal does: the whole process group.
        os.killpg(server.process.pid, signal.SIGINT)

        assert await server.ended() == (130, [])


async def test_the_interrupt_key_a_second_time_ends_all_at_once(model: str) -> None:
    async with (
        serving("--workers", "2", "--shutdown-grace", "600", OPENAI_BASE_URL=model) as server,
        httpx2.AsyncClient(base_url=server.url, timeout=60) as http,
        http.stream("POST", "/api/chat", json=ui_body(STALL)) as response,
    ):
        await Reader(response).until(b"word1")
        os.killpg(server.process.pid, signal.SIGINT)
        await refuses_connections(server.url)
        os.killpg(server.process.pid, signal.SIGINT)

        assert (await server.ended())[0] == 130


async def test_a_signal_to_every_process_at_once_is_one_signal(
    model: str, control: Control
) -> None:
    # As systemd stops a service.
    async with serving("--workers", "2", "--shutdown-grace", "60", OPENAI_BASE_URL=model) as server:
        async with _each_worker(server.url) as workers:
            pids = [(await _health(client))["pid"] for client in workers.values()]
            body = data_body("scenario: stall after=2 gate=middle")
            async with workers[1].stream("POST", "/api/chat", json=body) as response:
                reader = Reader(response)
                await reader.until(b"word1")
                for pid in (server.process.pid, *pids):
                    os.kill(pid, signal.SIGTERM)
                await refuses_connections(server.url)
                control.gate("middle").open()
                whole = await reader.rest()
        status, _ = await server.ended()

    assert b"word11" in whole
    assert RESTARTING not in whole
    assert status == 0


async def test_an_approval_that_one_worker_asked_for_is_taken_by_another_once() -> None:
    async with serving("--workers", "2") as server, _each_worker(server.url) as workers:
        body = ui_body("Send an email to ada@example.com about tea saying 'It is ready.'")
        asked = _chunks(await workers[1].post("/api/chat?sdk=6", json=body))
        request = next(c for c in asked if c["type"] == "tool-approval-request")
        call = next(c for c in asked if c["type"] == "tool-input-available")
        message = {
            "id": asked[0]["messageId"],
            "role": "assistant",
            "parts": [
                {"type": "step-start"},
                {
                    "type": f"tool-{call['toolName']}",
                    "toolCallId": call["toolCallId"],
                    "state": "approval-responded",
                    "input": call["input"],
                    "approval": {"id": request["approvalId"], "approved": True},
                },
            ],
        }
        reply = {**body, "messages": [*body["messages"], message], "messageId": message["id"]}
        answered = _chunks(await workers[2].post("/api/chat?sdk=6", json=reply))
        again = _chunks(await workers[1].post("/api/chat?sdk=6", json=reply))

    outputs = [chunk["output"] for chunk in answered if chunk["type"] == "tool-output-available"]
    assert [output["sent"] for output in outputs] == [True]
    (refusal,) = [chunk for chunk in again if chunk["type"] == "tool-output-error"]
    assert "used before" in refusal["errorText"]


def _chunks(response: httpx2.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    lines = [line.removeprefix("data: ") for line in response.text.split("\n") if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


async def test_limits_are_divided_and_each_worker_has_its_share(model: str) -> None:
    async with serving("--workers", "2", OPENAI_BASE_URL=model, CHAT_RUNNING_TURNS="3") as server:
        statuses: dict[int, list[int]] = {1: [], 2: []}
        async with _each_worker(server.url) as workers, contextlib.AsyncExitStack() as stack:
            pids = {number: await _health(client) for number, client in workers.items()}
            assert set(pids) == {1, 2}
            # More connections until each worker has refused a turn.
            while not all(503 in found for found in statuses.values()):
                client = httpx2.AsyncClient(base_url=server.url, timeout=60)
                await stack.enter_async_context(client)
                number = (await _health(client))["worker"]
                stream = client.stream("POST", "/api/chat", json=ui_body(STALL))
                response = await stack.enter_async_context(stream)
                statuses[number].append(response.status_code)

    assert {number: found.count(200) for number, found in statuses.items()} == {1: 2, 2: 1}


LOUD_TOOL = """
import logging
from app.tools import tool

@tool
async def shout(times: int) -> str:
    "Write long lines."
    for _ in range(times):
        logging.getLogger("deltaline").warning("x" * 60_000)
    return "done"
"""


async def test_long_lines_of_all_workers_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "loud_tool.py").write_text(LOUD_TOOL)
    async with serving(
        *("--workers", "2"),
        CHAT_TOOL_MODULES="loud_tool",
        PYTHONPATH=os.pathsep.join((str(tmp_path), str(ROOT))),
    ) as server:
        ended = asyncio.create_task(server.ended())
        async with _each_worker(server.url) as workers:
            posts = [
                client.post("/api/tools/shout/invoke", json={"args": {"times": 20}})
                for client in workers.values()
            ]
            await asyncio.gather(*posts)
        server.process.send_signal(signal.SIGTERM)
        # Each line was JSON, or this would have failed.
        status, log = await ended

    assert status == 0
    assert sorted(line["worker"] for line in log if len(line["message"]) == 60_000) == (
        [1] * 20 + [2] * 20
    )


def _start(*options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0", *options],
        cwd=ROOT,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("options", "variables", "sentence"),
    [
        (
            ["--workers", "2"],
            {"CHAT_TOOL_MODULES": "no_such_module"},
            "The module no_such_module of CHAT_TOOL_MODULES cannot be imported: ",
        ),
        (["--workers", "0"], {}, "CHAT_WORKERS has a bad value: must be auto or a number from 1 "),
        (
            [],
            {"CHAT_WORKERS": "2", "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9"},
            "CHAT_WORKERS has a bad value: must be 1 on Lambda",
        ),
    ],
    ids=["tools", "number", "lambda"],
)
def test_what_no_worker_can_start_with_is_said_once(
    options: list[str], variables: dict[str, str], sentence: str
) -> None:
    ran = _start(*options, CHAT_PROVIDER="scripted", **variables)

    assert ran.returncode == 2
    assert ran.stderr.startswith(f"deltaline: {sentence}")
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == ""


def test_a_port_in_use_is_said_once_and_starts_no_worker() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = _start("--workers", "2", "--port", str(port), CHAT_PROVIDER="scripted")

    assert ran.returncode == 1
    assert ran.stderr.startswith(f"deltaline: cannot listen on 127.0.0.1 port {port}: ")
    assert ran.stderr.count("\n") == 1


async def test_the_banner_and_the_warning_are_said_once() -> None:
    async with serving("--workers", "2", "--host", "0.0.0.0") as server:
        server.process.send_signal(signal.SIGTERM)
        out, said = await server.process.communicate()

    assert out.count(b"Deltaline is at") == 0  # `serving` has read it
    assert [json.loads(line)["message"].split(" without")[0] for line in said.splitlines()] == [
        "listening on 0.0.0.0"
    ]


def test_the_container_has_workers_too(tmp_path: Path) -> None:
    variables = {"CHAT_DIRECT": "true", "CHAT_PROVIDER": "scripted", "CHAT_WORKERS": "2"}
    with started(["web-adapter", "--host", "127.0.0.1"], tmp_path / "log", variables) as running:
        health = httpx2.get(f"{running.url}/health", timeout=60).json()
        status = running.stop()

    assert health["workers"] == 2
    assert status == 0
    assert "Traceback" not in running.log


def test_a_local_lambda_starts_its_processes_itself() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "app.commands.container", "runtime"],
        cwd=ROOT,
        env=environment(CHAT_WORKERS="2", CHAT_PROVIDER="scripted"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith("deltaline: CHAT_WORKERS needs CHAT_DIRECT=true")


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


async def test_one_worker_is_the_process_itself(model: str) -> None:
    async with serving("--workers", "1", OPENAI_BASE_URL=model) as server:
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as http:
            health = await _health(http)
        pid = server.process.pid
        children = _children(pid)

    assert children == ""
    assert {"worker", "workers", "pid"} & set(health) == set()


def test_one_worker_loads_nothing_of_the_others() -> None:
    program = """
import sys, threading, os, signal
from app.commands.chat_server import serve_chat
from app.settings import Settings
def stop(_):
    print(*[name for name in sys.modules if name.startswith("app.workers") or "fair" in name])
    os.kill(os.getpid(), signal.SIGTERM)
serve_chat(Settings(provider="scripted"), host="127.0.0.1", port=0, announce=stop)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert ran.stdout == "\n"


def test_a_process_that_looks_after_workers_loads_no_server() -> None:
    program = """
import sys
from app.commands import serve
import app.workers.supervisor
print(*sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    heavy = {"uvicorn", "starlette", "aiohttp", "fastapi", "app.main"}
    assert heavy & set(ran.stdout.split()) == set()
