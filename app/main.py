"""Joins the parts into one ASGI app. The only place that knows them all."""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import BaseModel, SecretStr
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from app import __version__
from app.errors import RequestError
from app.examples.recipe import Recipe
from app.http.chat import AnswerOptions, Answers
from app.http.errors import add_error_answers
from app.http.incoming import Incoming
from app.http.lean import lean, plain_routes
from app.http.objects import Schemas
from app.http.routes import Endpoint, Routes
from app.http.tools import ToolAnswers
from app.providers.openers.opener import Opener
from app.providers.provider import Provider
from app.settings import LOCALHOST, Settings, SettingsError, load_settings
from app.telemetry.metrics import TurnMetrics
from app.tools.approval import Approvals
from app.tools.loading import ToolLoadError, load_tools
from app.tools.standalone import choose_tool
from app.tools.tool import Tool
from app.turns.running_turns import OnFinish, Turns

if TYPE_CHECKING:
    from fastapi import FastAPI

_App = TypeVar("_App", bound=Starlette)
_Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[None]]

_PAGE = Path(__file__).parent.parent / "web" / "useChat-demo" / "dist"
# What a browser may send to us and read from us, across origins.
_ALLOWED_HEADERS = [
    "content-type",
    "authorization",
    "user-agent",
    "x-chat-token",
    "x-amz-content-sha256",
]
_LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
_EXPOSED_HEADERS = ["x-vercel-ai-data-stream", "x-vercel-ai-ui-message-stream", "x-request-id"]


def create_app(
    settings: Settings | None = None,
    *,
    tools: Sequence[Tool] = (),
    schemas: Mapping[str, type[BaseModel]] | None = None,
    on_finish: OnFinish | None = None,
) -> "FastAPI":
    """Return the chat backend as an ASGI app.

    Args:
        settings: read from the environment if not given.
        tools: what the model may call, besides the tools that the settings name.
        schemas: pydantic models by the name in ``POST /api/object/{name}``; an example if not
            given.
        on_finish: called with the chat id, the assistant's message and the usage when a turn is
            over, however it ended; sync or async.

    Raises:
        SettingsError: the environment cannot be used.
    """
    from app.http.documentation import documented  # loads FastAPI

    return _create(documented, settings, tools, schemas, on_finish)


def create_lean_app(
    settings: Settings | None = None,
    *,
    tools: Sequence[Tool] = (),
    schemas: Mapping[str, type[BaseModel]] | None = None,
    on_finish: OnFinish | None = None,
) -> Starlette:
    """Return the same app as `create_app`, but load FastAPI only for its documentation.

    It is ready in two thirds of the time, which is why our Lambda runtime takes it.
    """
    return _create(lean, settings, tools, schemas, on_finish)


def _create(
    make: Callable[[Sequence[Endpoint], _Lifespan], _App],
    settings: Settings | None,
    own_tools: Sequence[Tool],
    schemas: Mapping[str, type[BaseModel]] | None,
    on_finish: OnFinish | None,
) -> _App:
    settings = _with_secrets(load_settings() if settings is None else settings)
    turns = Turns(on_finish, metrics=_metrics(settings))
    chosen_tools = _tools(settings, own_tools)
    provider = _provider(settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await turns.aclose()
        await provider.aclose()

    answers = Answers(
        provider,
        turns,
        AnswerOptions(
            model=settings.model,
            models=settings.models,
            system_prompt=settings.system_prompt,
            temperature=settings.temperature,
            max_output_tokens=settings.max_output_tokens,
            max_steps=settings.max_steps,
            status_wait_s=settings.status_wait_s,
            keep_alive_s=settings.keep_alive_s,
            deadline_margin_s=settings.deadline_margin_s,
        ),
        tools=chosen_tools,
        approvals=Approvals(_approval_secret(settings, chosen_tools)),
        new_id=lambda prefix: f"{prefix}-{secrets.token_hex(8)}",
        now=time.time,
    )
    incoming = Incoming(
        max_body_bytes=settings.max_body_bytes, auth_token=_secret(settings.auth_token)
    )
    routes = Routes(
        incoming,
        answers,
        ToolAnswers(
            chosen_tools,
            default_tool=settings.default_tool,
            heartbeat_s=settings.keep_alive_s,
            deadline_margin_s=settings.deadline_margin_s,
        ),
        schemas=Schemas({"recipe": Recipe} if schemas is None else schemas),
        allow_client_system=settings.allow_client_system,
        page=_PAGE if (_PAGE / "index.html").is_file() else None,
        facts={"version": __version__, "provider": settings.provider, "model": settings.model},
    )
    endpoints = routes.endpoints()
    app = make(endpoints, lifespan)
    if (_PAGE / "assets").is_dir():
        # What the page at `GET /` loads; built files carry their hash in their names.
        app.mount("/assets", StaticFiles(directory=_PAGE / "assets"), name="assets")
    app.state.turns = turns
    add_error_answers(app, plain_routes(endpoints))
    if settings.allowed_origins:
        _add_cors(app, settings.allowed_origins)
    return app


def _with_secrets(settings: Settings) -> Settings:
    """Return the settings with the secrets that the environment only names."""
    if not settings.secret_arns:
        return settings
    from app.aws.secrets import SecretError, Secrets, read_secrets

    secrets_ = Secrets(endpoint_url=settings.aws_endpoint_url)
    try:
        found = read_secrets(secrets_, settings.secret_arns)
    except SecretError as error:
        raise SettingsError(str(error)) from error
    return settings.with_secrets(found)


def _metrics(settings: Settings) -> TurnMetrics | None:
    name = settings.lambda_function_name
    return None if name is None else TurnMetrics(name)


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def _tools(settings: Settings, own: Sequence[Tool]) -> Mapping[str, Tool]:
    try:
        tools = load_tools(settings.tools, modules=settings.tool_modules, given=own)
        if settings.default_tool is not None:
            choose_tool(tools, settings.default_tool, default=None)
    except ToolLoadError as error:
        raise SettingsError(str(error)) from error
    except RequestError as error:
        raise SettingsError(f"CHAT_DEFAULT_TOOL has a bad value: {error}") from error
    return tools


def _approval_secret(settings: Settings, tools: Mapping[str, Tool]) -> bytes:
    secret = _secret(settings.approval_secret)
    if secret is not None:
        return secret.encode()
    asking = [tool.name for tool in tools.values() if tool.needs_approval]
    if asking and settings.is_on_lambda:
        raise SettingsError(
            f"CHAT_APPROVAL_SECRET is missing: the tool {asking[0]} asks for approval, and on "
            "Lambda another process may get the answer."
        )
    return secrets.token_bytes(32)


def _provider(settings: Settings) -> Provider:
    if settings.provider == "scripted":
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
    """Return what opens the model's stream."""
    arn, key = settings.openai_api_key_arn, _secret(settings.openai_api_key)
    if arn is None or key is None:
        return _opener_with(settings, key)
    from app.aws.secrets import Secrets
    from app.providers.openers.renewing import RenewingOpener

    secrets_ = Secrets(endpoint_url=settings.aws_endpoint_url)
    return RenewingOpener(
        lambda key: _opener_with(settings, key), key, lambda: secrets_.reread(arn)
    )


def _opener_with(settings: Settings, key: str | None) -> Opener:
    """Return the client that was chosen; the openai package is loaded only when asked for."""
    if settings.client == "openai" or settings.azure_openai_endpoint is not None:
        from app.providers.openers.openai_client import OpenAIOpener

        return OpenAIOpener(
            base_url=settings.openai_base_url,
            api_key=key,
            organization=settings.openai_org_id,
            project=settings.openai_project_id,
            azure_endpoint=settings.azure_openai_endpoint,
            azure_api_version=settings.openai_api_version,
        )
    from app.providers.openers.aiohttp_client import AiohttpOpener

    return AiohttpOpener(
        base_url=settings.openai_base_url,
        api_key=key,
        organization=settings.openai_org_id,
        project=settings.openai_project_id,
    )


def _add_cors(app: Starlette, origins: Sequence[str]) -> None:
    from starlette.middleware.cors import CORSMiddleware

    app.add_middleware(
        CORSMiddleware,
        allow_origins=[origin for origin in origins if origin != LOCALHOST],
        allow_origin_regex=_LOCAL_ORIGIN if LOCALHOST in origins else None,
        allow_methods=["GET", "POST"],
        allow_headers=_ALLOWED_HEADERS,
        expose_headers=_EXPOSED_HEADERS,
        max_age=600,
    )
