"""The app that our Lambda runtime takes: the same as the other, ready sooner."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Match, Route

from app.main import create_app, create_lean_app
from app.settings import Settings
from tests.chatting import NOWHERE, ui_body
from tests.serving import served

REQUESTS = [
    *(("GET", path) for path in ("/health", "/", "/docs", "/openapi.json", "/redoc", "/nothing")),
    *(("GET", path) for path in ("/api/chat", "/c1/stream", "/api/chat/c1/stream", "/health/")),
    *(("GET", path) for path in ("/api/chats", "/api/chats/c1", "/api/me", "/api/models")),
    *(("DELETE", path) for path in ("/api/chats", "/api/chats/c1")),
    *(("GET", path) for path in ("/assets/none.js", "/minimal", "/minimal/")),
    *(("HEAD", path) for path in ("/health", "/docs", "/nothing", "/", "/assets/none.js")),
    ("HEAD", "/minimal/"),
    *(("POST", path) for path in ("/api/chat", "/", "/events", "/invoke", "/api/chat/c1/stop")),
    *(("POST", path) for path in ("/mcp", "/api/mcp")),
    *(("POST", f"/api/{path}") for path in ("completion", "object/recipe", "tools/t/invoke")),
    *(("PUT", "/api/chat"), ("DELETE", "/"), ("OPTIONS", "/api/chat"), ("POST", "/health")),
]


@asynccontextmanager
async def _client(create: Callable[[Settings], Starlette]) -> AsyncIterator[httpx2.AsyncClient]:
    app = create(Settings(openai_base_url=NOWHERE))
    async with served(app) as url, httpx2.AsyncClient(base_url=url, timeout=15) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), REQUESTS)
async def test_it_answers_as_the_other_does(method: str, path: str) -> None:
    headers = {"x-request-id": "request-1"}

    async with _client(create_app) as full, _client(create_lean_app) as lean:
        wanted = await full.request(method, path, headers=headers)
        found = await lean.request(method, path, headers=headers)

    assert found.status_code == wanted.status_code
    assert found.text == wanted.text
    varying = {"date", "location"}  # the second holds the port
    assert {name: value for name, value in found.headers.items() if name not in varying} == {
        name: value for name, value in wanted.headers.items() if name not in varying
    }


def test_every_route_is_asked() -> None:
    app = create_lean_app(Settings(openai_base_url=NOWHERE))
    scopes = [{"type": "http", "method": method, "path": path} for method, path in REQUESTS]

    unasked = [
        route.path
        for route in app.routes
        if isinstance(route, Route)
        and not any(route.matches(scope)[0] is Match.FULL for scope in scopes)
    ]

    assert unasked == ["/docs/oauth2-redirect"]  # FastAPI's, and the same page in both


async def test_it_streams_a_turn(model: str) -> None:
    app = create_lean_app(Settings(openai_base_url=model))

    async with served(app) as url, httpx2.AsyncClient(base_url=url) as client:
        response = await client.post("/api/chat", json=ui_body("Hello"))

    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.real
@pytest.mark.timeout(180)
def test_it_does_not_load_fastapi() -> None:
    code = (
        "import sys\n"
        "import app.lambda_runtime.runtime\n"
        "from app.main import create_lean_app\n"
        "from app.settings import Settings\n"
        "create_lean_app(Settings(openai_api_key='x'))\n"
        "print(*sys.modules)"
    )

    ran = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )

    loaded = set(ran.stdout.split())
    assert "starlette.applications" in loaded
    assert loaded & {"fastapi", "uvicorn", "openai", "boto3", "sse_starlette"} == set()
