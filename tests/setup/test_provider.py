"""Which provider and which opener the settings ask for."""

import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from app.errors import ProviderTimeout
from app.events import Event
from app.messages import Message, StepRequest, TextPart
from app.providers.openai.chat import OpenAIChat
from app.providers.openai.responses import OpenAIResponses
from app.scripted_model.provider import ScriptedProvider
from app.settings import Settings, SettingsError
from app.setup.provider import make_provider
from tests.providers.upstream import Connection, serve


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, OpenAIChat),
        ({"api": "responses"}, OpenAIResponses),
        ({"provider": "scripted"}, ScriptedProvider),
        ({"provider": "scripted", "api": "responses"}, ScriptedProvider),
    ],
)
async def test_the_settings_choose_the_provider(settings: dict[str, Any], kind: type) -> None:
    provider = make_provider(Settings(openai_api_key=SecretStr("sk-1"), **settings))

    assert type(provider) is kind
    await provider.aclose()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, "HttpToolsOpener"),
        ({"client": "aiohttp"}, "AiohttpOpener"),
        ({"client": "openai"}, "OpenAIOpener"),
        (
            {"azure_openai_endpoint": "https://a.example", "openai_api_version": "2024-10-21"},
            "OpenAIOpener",
        ),
        # Resolved by now, and read anew when it is refused.
        ({"openai_api_key_arn": "arn:aws:ssm:eu-west-1:1:parameter/k"}, "RenewingOpener"),
    ],
)
async def test_the_settings_choose_the_opener(settings: dict[str, Any], kind: str) -> None:
    with_key = {"openai_api_key": SecretStr("sk-1")}
    provider = make_provider(Settings(**settings).model_copy(update=with_key))

    assert isinstance(provider, OpenAIChat)
    assert type(provider._opener).__name__ == kind
    await provider.aclose()


@pytest.mark.parametrize("client", ["httptools", "aiohttp", "openai"])
async def test_the_settings_say_how_long_the_model_may_be_silent(
    client: Literal["httptools", "aiohttp", "openai"],
) -> None:
    request = StepRequest(model="m", messages=[Message("user", [TextPart("Hi")])])

    async def ignore(events: Sequence[Event]) -> None:
        pass

    # The package tries again twice.
    async with serve(*[fall_silent] * 3) as upstream:
        settings = Settings(openai_base_url=upstream.url, client=client, read_timeout_s=0.05)
        async with aclosing(make_provider(settings)) as provider:
            with pytest.raises(ProviderTimeout):
                await provider.stream_step(request, ignore)


async def fall_silent(connection: Connection) -> None:
    await connection.closed_by_client()


def test_azure_without_the_version_of_its_api_stops_the_start() -> None:
    settings = Settings(openai_api_key=SecretStr("sk-1"), azure_openai_endpoint="https://a.example")

    with pytest.raises(SettingsError, match="OPENAI_API_VERSION is missing"):
        make_provider(settings)


@pytest.mark.parametrize(
    ("settings", "missing", "sentence"),
    [
        ({"client": "openai"}, "openai", "CHAT_CLIENT=openai needs the openai package, "),
        (
            {"azure_openai_endpoint": "https://a.example", "openai_api_version": "2024-10-21"},
            "openai",
            "AZURE_OPENAI_ENDPOINT needs the openai package, ",
        ),
        (
            {"provider": "scripted"},
            "app.scripted_model",
            "CHAT_PROVIDER=scripted needs the scripted model, ",
        ),
    ],
)
def test_what_a_lean_package_leaves_out_is_named_with_what_to_do(
    settings: dict[str, Any], missing: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How Python notes that a module is not there.
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SettingsError) as refused:
        make_provider(Settings(openai_api_key=SecretStr("sk-1"), **settings))

    assert str(refused.value).startswith(sentence)
    assert "VARIANT=full" in str(refused.value)
    assert "without --lean" in str(refused.value)
