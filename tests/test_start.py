"""What a start loads until the first token: the server's, and our Lambda runtime's.

Each module that comes back here is paid at every start. `docs/architecture.md` says what is left.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.chatting import data_body
from tests.lambda_events import function_url
from tests.lambda_runtime.recording_runtime_api import RecordingRuntimeApi
from tests.ports import free_port
from tests.store.dynamodb_local import own_environment
from tests.store.dynamodb_tables import make_table

_ROOT = Path(__file__).parent.parent
_START_S = 60

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

# What only some requests, tools or settings need, or what was replaced because it cost too much.
_FOR_NOBODY = {
    *("aiohttp", "attr", "multidict", "yarl"),  # remote tools, and CHAT_CLIENT=aiohttp
    *("annotated_types", "pydantic", "pydantic_core"),  # tools and schemas
    *("dotenv", "pydantic_settings"),
    *("app.mcp", "app.setup.mcp", "jsonschema", "mcp", "mcp_types"),  # tools of MCP servers
    *("boto3", "botocore", "fastapi", "httpcore2", "httpx2", "jinja2", "openai", "redis"),
    # And python_multipart: where it is installed, as mcp needs it, Starlette loads it.
    *("h2", "sse_starlette", "websockets", "wsproto"),
    *("difflib", "importlib.metadata", "sqlite3", "unittest", "xml"),
    *("app.aws.secrets", "app.emulator", "app.examples", "app.scripted_model"),
    *("opentelemetry", "prometheus_client", "app.telemetry.spans", "app.telemetry.text_lines"),
    *("app.http.documentation", "app.providers.openers.aiohttp_client", "app.tools.signature"),
}
_FOR_LAMBDA = {*("click", "uvicorn", "uvloop"), "app.http.server"}
_FOR_SERVE = {"h11", "app.lambda_runtime"}


def _loaded(log: str) -> set[str]:
    """Return the modules that ``-X importtime`` names, and the packages that they are in."""
    modules = {
        line.rpartition("|")[2].strip() for line in log.splitlines() if "import time:" in line
    }
    parts = [module.split(".") for module in modules]
    return {".".join(words[:length]) for words in parts for length in range(1, len(words) + 1)}


@asynccontextmanager
async def _traced(*module: str, log: Path, **environ: str) -> AsyncIterator[None]:
    """Run ``python -m module``; when it has ended, ``log`` holds what it has imported."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "importtime", "-m", *module),
            cwd=_ROOT,
            env={**inherited, "OPENAI_API_KEY": "sk-1", **environ},
            stderr=output,
        )
    try:
        yield
    finally:
        process.terminate()
        async with asyncio.timeout(_START_S):
            await process.wait()


async def _chat(url: str) -> str:
    """Chat once the server listens: it does not say when, so asking is the only way."""
    async with asyncio.timeout(_START_S), httpx2.AsyncClient(timeout=30) as client:
        while True:
            try:
                return (await client.post(f"{url}/api/chat", json=data_body("Hello"))).text
            except httpx2.ConnectError:
                await asyncio.sleep(0.05)


async def test_the_server_loads_only_what_the_first_token_needs(tmp_path: Path, model: str) -> None:
    port, log = str(free_port()), tmp_path / "log"

    async with _traced("app", "serve", "--port", port, log=log, OPENAI_BASE_URL=model):
        answer = await _chat(f"http://127.0.0.1:{port}")

    loaded = _loaded(log.read_text())
    assert '"finishReason":"stop"' in answer
    assert {"app.providers.openers.httptools_client", "starlette.routing", "uvicorn"} <= loaded
    assert loaded & (_FOR_NOBODY | _FOR_SERVE) == set()


async def test_our_runtime_loads_only_what_the_first_token_needs(
    tmp_path: Path, model: str
) -> None:
    log = tmp_path / "log"
    async with RecordingRuntimeApi().listen() as api:
        lambda_api = {"AWS_LAMBDA_RUNTIME_API": api.address, "AWS_LAMBDA_FUNCTION_NAME": "chat"}

        async with _traced(
            "app.lambda_runtime.runtime", log=log, OPENAI_BASE_URL=model, **lambda_api
        ):
            async with asyncio.timeout(_START_S):
                await api.waiting.wait()
            http = await api.invoke(function_url(body='{"prompt":"Hello"}')).completed()

    loaded = _loaded(log.read_text())
    assert http.http()[0].status_code == 200
    assert {"app.providers.openers.httptools_client", "starlette.routing", "h11"} <= loaded
    assert loaded & (_FOR_NOBODY | _FOR_LAMBDA) == set()


async def test_a_table_brings_no_large_client(tmp_path: Path, model: str, dynamodb: str) -> None:
    await make_table(dynamodb, "started")
    log = tmp_path / "log"
    async with RecordingRuntimeApi().listen() as api:
        environment = {
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "chat",
            "CHAT_STORE": "dynamodb:started",
            **own_environment(dynamodb),
        }
        async with _traced(
            "app.lambda_runtime.runtime", log=log, OPENAI_BASE_URL=model, **environment
        ):
            async with asyncio.timeout(_START_S):
                await api.waiting.wait()
            body = json.dumps({"id": "c1", **data_body("Hello")})
            http = await api.invoke(function_url(body=body)).completed()

    loaded = _loaded(log.read_text())
    assert http.http()[0].status_code == 200
    assert "app.store.dynamodb" in loaded
    assert {name for name in loaded if name.startswith("app.store.sqlite")} == set()
    assert loaded & (_FOR_NOBODY | _FOR_LAMBDA) == set()
