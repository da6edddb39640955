"""The app as a whole: two faces, one behaviour, and what is loaded for it."""

import logging
from collections.abc import Callable

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from app import __version__
from app.main import create_app, create_lean_app
from app.providers import failures
from app.settings import Settings, SettingsError
from tests.chatting import chatting, data_body, logged
from tests.providers.upstream import respond, serve
from tests.serving import served


def test_create_app_is_a_fastapi_app_and_its_twin_is_not() -> None:
    assert isinstance(create_app(Settings()), FastAPI)
    assert type(create_lean_app(Settings())) is Starlette


def test_settings_are_read_from_the_environment_unless_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAT_MODL", "x")

    with pytest.raises(SettingsError, match="CHAT_MODL is not a setting"):
        create_app()
    assert create_app(Settings()) is not None


@pytest.mark.parametrize("create", [create_app, create_lean_app])
async def test_both_say_what_they_run(create: Callable[[Settings], Starlette]) -> None:
    app = create(Settings(model="small"))
    async with served(app) as url, httpx2.AsyncClient(base_url=url) as http:
        health = (await http.get("/health")).json()

    assert health == {
        "status": "ok",
        "version": __version__,
        "provider": "openai",
        "model": "small",
    }


@pytest.mark.parametrize("create", [create_app, create_lean_app])
async def test_the_end_of_the_server_closes_the_models_connections(
    create: Callable[[Settings], Starlette], model: str
) -> None:
    app = create(Settings(openai_base_url=model))

    with logged() as log:
        async with served(app) as url, httpx2.AsyncClient(base_url=url) as http:
            response = await http.post("/api/chat", json=data_body("scenario: say text=Hi"))

    assert '0:"Hi"' in response.text
    # aiohttp says so of a session that was left open.
    assert [record.getMessage() for record in log.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("are_logged", [False, True])
async def test_the_text_of_the_models_errors_is_logged_if_the_settings_say_so(
    are_logged: bool,
) -> None:
    refusal = respond(b'{"error":{"message":"the conversation"}}', status=400)
    logger = logging.getLogger(failures.LOGGER)
    with logged() as log:
        try:
            async with (
                serve(refusal) as upstream,
                chatting(upstream.url, log_model_errors=are_logged) as chat,
            ):
                await chat.post(data_body("Hello"))
        finally:
            logger.setLevel(logging.NOTSET)

    lines = [record.getMessage() for record in log.records]
    assert any("the conversation" in line for line in lines) is are_logged
    assert "turn failed: ProviderRefused: status 400" in lines
