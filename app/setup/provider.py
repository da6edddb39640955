"""The provider that the settings ask for. What is not asked for is not imported."""

from typing import Any

from app.providers.openers.opener import Opener
from app.providers.provider import Provider
from app.setting_kinds import secret_text
from app.settings import Settings, SettingsError


def make_provider(settings: Settings) -> Provider:
    """Return the model; the app's lifespan has to close it.

    Raises:
        SettingsError: the settings do not fit together.
    """
    if settings.provider == "scripted":
        from app.setup.left_out import check_is_there

        check_is_there("app.scripted_model", "CHAT_PROVIDER=scripted needs the scripted model")
        from app.scripted_model.provider import ScriptedProvider

        return ScriptedProvider(lambda opener: _api(settings, opener))
    return _api(settings, _opener(settings))


def _api(settings: Settings, opener: Opener) -> Provider:
    """Return the provider for the API that is spoken over ``opener``."""
    if settings.api == "responses":
        from app.providers.openai.responses import OpenAIResponses
        from app.providers.openai.responses_body import BUILTIN_TOOLS

        tools = [BUILTIN_TOOLS[name] for name in settings.builtin_tools]
        return OpenAIResponses(
            opener, builtin_tools=tools, reasoning_summary=settings.reasoning_summary
        )
    from app.providers.openai.chat import OpenAIChat
    from app.providers.openai.chat_body import max_tokens_field

    return OpenAIChat(opener, max_tokens=max_tokens_field(settings.openai_base_url))


def _opener(settings: Settings) -> Opener:
    """Return what opens the model's stream; a key that is only named is read anew when refused."""
    arn, key = settings.openai_api_key_arn, secret_text(settings.openai_api_key)
    if arn is None or key is None:
        return _opener_with(settings, key)
    from app.aws.secrets import Secrets
    from app.providers.openers.renewing import RenewingOpener

    secrets = Secrets(endpoint_url=settings.aws_endpoint_url)
    return RenewingOpener(lambda key: _opener_with(settings, key), key, lambda: secrets.reread(arn))


def _opener_with(settings: Settings, key: str | None) -> Opener:
    """Return the client that was chosen, with this key."""
    if settings.azure_openai_endpoint is not None and settings.openai_api_version is None:
        raise SettingsError(
            "OPENAI_API_VERSION is missing: AZURE_OPENAI_ENDPOINT needs one, such as 2024-10-21."
        )
    options: dict[str, Any] = {
        "base_url": settings.openai_base_url,
        "api_key": key,
        "organization": settings.openai_org_id,
        "project": settings.openai_project_id,
        "read_timeout_s": settings.read_timeout_s,
    }
    if settings.client == "openai" or settings.azure_openai_endpoint is not None:
        from app.setup.left_out import check_is_there

        asks = "CHAT_CLIENT=openai" if settings.client == "openai" else "AZURE_OPENAI_ENDPOINT"
        check_is_there("openai", f"{asks} needs the openai package")
        from app.providers.openers.openai_client import OpenAIOpener

        return OpenAIOpener(
            **options,
            azure_endpoint=settings.azure_openai_endpoint,
            azure_api_version=settings.openai_api_version,
        )
    if settings.client == "aiohttp":
        from app.providers.openers.aiohttp_client import AiohttpOpener

        return AiohttpOpener(**options)
    from app.providers.openers.httptools_client import HttpToolsOpener

    return HttpToolsOpener(**options)
