"""The app starts with exactly the environment that the program gives to the function."""

import contextlib
from collections.abc import AsyncIterator

import httpx2
import pytest
from aiohttp import web

from app.main import create_app
from tests.chatting import ui_body
from tests.infra.aws_api import REGION
from tests.infra.cloud import Cloud
from tests.infra.deploying import run_program
from tests.redis_server import needs_redis, redis_server
from tests.serving import served

TOKEN = {"x-chat-token": "let-me-in"}
SECRETS = {"openaiApiKey": "sk-1", "authToken": "let-me-in"}
ORIGIN = "https://chat.example.com"
_ANSWER = (
    'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    "data: [DONE]\n\n"
)
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "POST"}


@contextlib.asynccontextmanager
async def _started(
    cloud: Cloud, patch: pytest.MonkeyPatch, name: str = "deltaline-dev"
) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve the app as the function would, with AWS where moto is."""
    function = cloud.client("lambda").get_function(FunctionName=name)["Configuration"]
    for variable, value in function["Environment"]["Variables"].items():
        patch.setenv(variable, value)
    # What Lambda itself sets.
    patch.setenv("AWS_LAMBDA_FUNCTION_NAME", name)
    patch.setenv("AWS_REGION", REGION)
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    patch.setenv("AWS_ENDPOINT_URL", cloud.endpoint_url)
    async with served(create_app()) as url, httpx2.AsyncClient(base_url=url, timeout=15) as http:
        yield http


@contextlib.asynccontextmanager
async def _keyed_model(valid: list[str], seen: list[str]) -> AsyncIterator[str]:
    """Serve a model that takes one key; gives its base URL."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        key = request.headers["authorization"]
        seen.append(key)
        if key != f"Bearer {valid[0]}":
            return web.json_response({"error": {"message": "Incorrect API key"}}, status=401)
        return web.Response(text=_ANSWER, content_type="text/event-stream")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, port = runner.addresses[0][:2]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("store", ["ssm", "secretsManager"])
@pytest.mark.parametrize("packaging", ["image", "zip"])
async def test_the_app_starts_with_the_functions_environment_and_reads_its_secrets(
    cloud: Cloud,
    dockerfile: str,
    package: str,
    model: str,
    packaging: str,
    store: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {
        "packaging": packaging,
        "dockerfile": dockerfile,
        "zipFile": package,
        "secretStore": store,
        "environment": [f"OPENAI_BASE_URL={model}", "CHAT_TOOLS=send_email"],
        "allowedOrigins": [ORIGIN],
    }
    run_program(cloud, config, secrets=SECRETS)

    async with _started(cloud, monkeypatch) as http:
        stranger = await http.post("/api/chat", json=ui_body("Hello"))
        friend = await http.post("/api/chat", json=ui_body("Hello"), headers=TOKEN)
        preflight = await http.options("/api/chat", headers=PREFLIGHT)

    assert (stranger.status_code, friend.status_code) == (401, 200)
    assert "text-delta" in friend.text
    # The Function URL would add it a second time.
    assert "access-control-allow-origin" not in {**preflight.headers, **friend.headers}


@needs_redis
async def test_chats_are_kept_in_the_redis_that_only_a_secret_names(
    cloud: Cloud, dockerfile: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with redis_server("--requirepass", "very-secret-password") as redis:
        config = {
            "dockerfile": dockerfile,
            "store": "redis",
            "environment": [f"OPENAI_BASE_URL={model}"],
        }
        address = f"redis://:very-secret-password@127.0.0.1:{redis.port}"
        run_program(cloud, config, secrets={**SECRETS, "storeUrl": address})
        async with _started(cloud, monkeypatch) as http:
            posted = await http.post("/api/chat", json=ui_body("Hello"), headers=TOKEN)
        async with _started(cloud, monkeypatch) as http:
            listed = await http.get("/api/chats", headers=TOKEN)

    assert "text-delta" in posted.text
    assert len(listed.json()["chats"]) == 1


async def test_behind_api_gateway_the_app_answers_preflights(
    cloud: Cloud, dockerfile: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {
        "dockerfile": dockerfile,
        "frontDoor": "apiGateway",
        "environment": [f"OPENAI_BASE_URL={model}"],
        "allowedOrigins": [ORIGIN],
    }
    run_program(cloud, config, secrets=SECRETS)

    async with _started(cloud, monkeypatch) as http:
        preflight = await http.options("/api/chat", headers=PREFLIGHT)

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN


async def test_the_model_gets_the_key_that_the_arn_names_and_the_new_one_after_an_exchange(
    cloud: Cloud, dockerfile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    valid = ["sk-1"]

    async with _keyed_model(valid, seen) as base_url:
        config = {"dockerfile": dockerfile, "environment": [f"OPENAI_BASE_URL={base_url}"]}
        run_program(cloud, config, secrets=SECRETS)
        async with _started(cloud, monkeypatch) as http:
            first = await http.post("/api/chat", json=ui_body("Hello"), headers=TOKEN)
            valid[0] = "sk-2"
            cloud.client("ssm").put_parameter(
                Name="/deltaline-dev/openai-api-key",
                Value="sk-2",
                Type="SecureString",
                Overwrite=True,
            )
            second = await http.post("/api/chat", json=ui_body("Hello"), headers=TOKEN)

    assert (first.status_code, second.status_code) == (200, 200)
    assert seen == ["Bearer sk-1", "Bearer sk-1", "Bearer sk-2"]
