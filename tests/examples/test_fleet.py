"""`examples/fleet`: the proxies as they are configured there, in front of two real servers."""

import asyncio
import shutil
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import yaml

from app.commands.chat_server import SHUTDOWN_GRACE_S
from app.scripted_model.control import Control
from app.settings import Settings
from tests.chatting import Reader
from tests.http.test_stored import SAY_HI, STALL, _asked, _said
from tests.ports import free_port
from tests.redis_server import needs_redis, redis_server
from tests.server_process import Running, serving

_FORGED = "203.0.113.9"
_FLEET = Path(__file__).parents[2] / "examples" / "fleet"


def _real(test: Any) -> Any:
    """Mark a test that starts servers and proxies."""
    return needs_redis(pytest.mark.real(pytest.mark.timeout(120)(test)))


def _needs(program: str) -> pytest.MarkDecorator:
    is_missing = shutil.which(program) is None
    return pytest.mark.skipif(is_missing, reason=f"{program} is not installed (Debian: {program})")


class _Behind:
    """Two servers behind a proxy, and a client of the proxy."""

    def __init__(self, proxy: str, http: httpx2.AsyncClient, servers: Sequence[Running]) -> None:
        self.proxy = proxy
        self.http = http
        self.servers = servers


@asynccontextmanager
async def _nginx(config: str, folder: Path) -> AsyncIterator[None]:
    (folder / "nginx.conf").write_text(config)
    told = f"daemon off; pid {folder}/pid; error_log {folder}/errors;"
    command = ("nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", told)
    async with _process(command):
        yield


@asynccontextmanager
async def _caddy(config: str, folder: Path) -> AsyncIterator[None]:
    # Its control port is one for the whole machine.
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + config)
    async with _process(("caddy", "run", "--config", str(folder / "Caddyfile"))):
        yield


@asynccontextmanager
async def _process(command: Sequence[str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _answers(url: str) -> None:
    async with httpx2.AsyncClient() as http, asyncio.timeout(30):
        while True:
            try:
                if (await http.get(f"{url}/health")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _in_front(name: str, urls: Sequence[str], folder: Path) -> AsyncIterator[str]:
    """Run a proxy as it is configured there; yield its URL."""
    port = free_port()
    config = (_FLEET / ("nginx.conf" if name == "nginx" else "Caddyfile")).read_text()
    for number, url in enumerate(urls, 1):
        assert f"app{number}:8080" in config
        config = config.replace(f"app{number}:8080", url.removeprefix("http://"))
    config = config.replace("listen 8000", f"listen 127.0.0.1:{port}")
    config = config.replace(":8000 {", f"http://127.0.0.1:{port} {{")
    # What is waited for in seconds there is waited for in tenths here.
    config = config.replace("read_timeout 30s", "read_timeout 3s")
    proxy = _nginx if name == "nginx" else _caddy
    async with proxy(config, folder):
        await _answers(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"


_PROXIES = [
    pytest.param("nginx", marks=_needs("nginx")),
    pytest.param("caddy", marks=_needs("caddy")),
]


@pytest_asyncio.fixture(params=_PROXIES)
async def behind(
    request: pytest.FixtureRequest, model: str, tmp_path: Path
) -> AsyncIterator[_Behind]:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_server())
        environment = {"CHAT_STORE": redis.url, "OPENAI_BASE_URL": model, "CHAT_KEEP_ALIVE_S": "1"}
        servers = [await stack.enter_async_context(serving(**environment)) for _ in range(2)]
        url = await stack.enter_async_context(
            _in_front(request.param, [server.url for server in servers], tmp_path)
        )
        http = httpx2.AsyncClient(base_url=url, timeout=40)
        yield _Behind(request.param, await stack.enter_async_context(http), servers)


@_real
async def test_tokens_arrive_as_they_come_and_silence_is_broken(
    behind: _Behind, control: Control
) -> None:
    async with behind.http.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
        poster = Reader(posted)
        await poster.until(b"word2")  # the model has said no more
        begun, before = time.monotonic(), len(poster.seen)
        while time.monotonic() - begun < 4:  # longer than the proxy waits for a byte
            await poster.more()
        kept_alive = len(poster.seen) - before
        control.gate("go").open()
        wire = await poster.rest()

    assert kept_alive > 0
    assert wire.endswith(b"data: [DONE]\n\n")
    assert _said(wire).startswith("word0 word1 word2 word3")


@_real
async def test_resume_and_stop_work_whichever_server_is_met(
    behind: _Behind, control: Control
) -> None:
    async with behind.http.stream("POST", "/api/chat", json=_asked(STALL)) as posted:
        await Reader(posted).until(b"word2")
    async with AsyncExitStack() as stack:
        followers = []
        for _ in range(4):
            followed = behind.http.stream("GET", "/api/chat/c1/stream")
            followers.append(Reader(await stack.enter_async_context(followed)))
        for follower in followers:
            await follower.until(b"word2")
        stopped = await behind.http.post("/api/chat/c1/stop")
        wires = [await follower.rest() for follower in followers]
    await control.client_left()

    assert stopped.status_code == 204
    assert all(wire.endswith(b'{"type":"abort"}\n\ndata: [DONE]\n\n') for wire in wires)
    assert len({_said(wire) for wire in wires}) == 1


@_real
async def test_a_client_that_leaves_the_proxy_has_left(behind: _Behind, control: Control) -> None:
    body = _asked(STALL)
    del body["id"]  # without a chat the answer ends with its client
    async with behind.http.stream("POST", "/api/chat", json=body) as posted:
        await Reader(posted).until(b"word2")

    async with asyncio.timeout(20):
        await control.client_left()


async def _noticed(behind: _Behind) -> None:
    """Return once several requests in a row were answered."""
    answered = 0
    async with asyncio.timeout(20):
        while True:
            response = await behind.http.post("/api/chat", json=_asked(SAY_HI))
            answered = 0 if response.is_error else answered + 1
            if answered == 3:
                return
            await asyncio.sleep(0.1)


@_real
async def test_who_asks_while_a_server_goes_is_answered_by_the_other(behind: _Behind) -> None:
    behind.servers[0].process.terminate()
    await behind.servers[0].ended()
    if behind.proxy == "caddy":  # has to notice first, as its configuration says
        await _noticed(behind)

    for number in range(6):
        answer = await behind.http.post("/api/chat", json=_asked(SAY_HI, chat=f"c{number}"))

        assert _said(answer.content) == "Hi there.", (number, answer)


@pytest.mark.real
@pytest.mark.timeout(120)
@pytest.mark.parametrize("proxy", _PROXIES)
async def test_a_proxy_says_who_calls_and_not_what_the_caller_says_of_himself(
    proxy: str, tmp_path: Path
) -> None:
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with _in_front(proxy, [url, url], tmp_path) as front, httpx2.AsyncClient() as http:
            heads.clear()
            await http.get(f"{front}/health", headers={"x-forwarded-for": _FORGED})

    (head,) = heads
    assert _forwarded(head) == ["127.0.0.1"]


def _forwarded(head: str) -> Sequence[str]:
    lines = (line.partition(":") for line in head.splitlines())
    return [value.strip() for name, _, value in lines if name == "x-forwarded-for"]


@_real
async def test_no_address_of_a_client_is_read_or_logged(behind: _Behind) -> None:
    headers = {"x-forwarded-for": _FORGED, "x-real-ip": _FORGED, "forwarded": f"for={_FORGED}"}
    for number in range(4):
        body = _asked(SAY_HI, chat=f"c{number}")
        answer = await behind.http.post("/api/chat", json=body, headers=headers)
        assert _said(answer.content) == "Hi there."

    for server in behind.servers:
        server.process.terminate()
    logs = [(await server.ended())[1] for server in behind.servers]

    lines = [line for log in logs for line in log if line["message"] == "chat request"]
    assert len(lines) == 4
    for line in lines:
        assert not {value for value in line.values() if value in (_FORGED, "127.0.0.1")}
        assert _FORGED not in str(line)


def test_the_times_of_the_examples_agree_with_ours() -> None:
    compose = yaml.safe_load((_FLEET / "compose.yaml").read_text())
    kubernetes = list(yaml.safe_load_all((_FLEET / "kubernetes.yaml").read_text()))
    nginx = (_FLEET / "nginx.conf").read_text()
    pod: dict[str, Any] = kubernetes[0]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    pause_s = float(container["lifecycle"]["preStop"]["exec"]["command"][1])
    # The grace, the last writes to the store, and time to start ending.
    needed_s = SHUTDOWN_GRACE_S + 5

    assert pod["terminationGracePeriodSeconds"] >= pause_s + needed_s
    for app in (compose["services"]["app1"], compose["services"]["app2"]):
        assert float(app["stop_grace_period"].removesuffix("s")) >= needed_s
        assert app["environment"]["CHAT_STORE"] == "redis://redis:6379/0"
    assert f"proxy_read_timeout {3 * Settings().keep_alive_s:.0f}s;" in nginx
    assert "noeviction" in compose["services"]["redis"]["command"]


def test_the_probes_of_the_examples_are_ours() -> None:
    deployment, service = yaml.safe_load_all((_FLEET / "kubernetes.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]

    for probe in ("readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked == {"path": "/health", "port": container["ports"][0]["containerPort"]}
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == container["ports"][0]["containerPort"]
