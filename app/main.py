"""Joins the parts into one ASGI app. The only place that knows them all."""

import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from starlette.applications import Starlette

from app import __version__
from app.http.admission import Admission
from app.http.chat import ChatResponder
from app.http.chat_turns import ChatTurns
from app.http.errors import add_not_found
from app.http.lean import lean
from app.http.lifespan import Lifespan
from app.http.me import Me
from app.http.models import Models
from app.http.nothing_stored import NothingStored, StoredRoutes
from app.http.objects import Schemas
from app.http.own_server import with_middleware_noted
from app.http.pages import Pages
from app.http.routes import Routes
from app.http.tools import ToolResponder
from app.providers import failures
from app.requests.sites import host_set
from app.settings import Settings
from app.setup.chat_options import chat_options
from app.setup.owners import make_owners
from app.setup.provider import make_provider
from app.setup.secrets import with_secrets
from app.setup.serving import Made, present_server
from app.setup.sites import guard
from app.setup.store import make_store
from app.setup.telemetry import add_metrics, make_telemetry
from app.setup.tools import approval_secret, set_up_tools
from app.store.store import Store
from app.threads import Aside
from app.tools.approval import Approvals
from app.tools.result import MAX_FILES_BYTES, OutputLimits
from app.tools.tool import Tool
from app.tools.tool_threads import ToolThreads
from app.turns.places import Places
from app.turns.running_turns import OnFinish, OnTurn, RunningTurns

if TYPE_CHECKING:
    from fastapi import FastAPI
    from pydantic import BaseModel

    from app.chats.title import TitleOf
    from app.http.keeping import Keeping
    from app.http.limiting import Limiting
    from app.http.own_authentication import OwnAuthenticate
    from app.http.own_limit import OwnLimit
    from app.mcp.server import MCPServer

_App = TypeVar("_App", bound=Starlette)
_MakeApp: TypeAlias = Callable[..., _App]


def create_app(
    settings: Settings | None = None,
    *,
    tools: "Sequence[Tool | MCPServer]" = (),
    schemas: "Mapping[str, type[BaseModel]] | None" = None,
    on_finish: OnFinish | None = None,
    on_turn: OnTurn | None = None,
    store: Store | None = None,
    title: "TitleOf | None" = None,
    authenticate: "OwnAuthenticate | None" = None,
    limit: "OwnLimit | None" = None,
) -> "FastAPI":
    """Return the chat backend as an ASGI app.

    Args:
        settings: read from the environment if not given.
        tools: what the model may call besides what the settings name; an `MCPServer` brings its.
        schemas: pydantic models by the name in ``POST /api/object/{name}``; an example if not
            given.
        on_finish: called with the chat id, the assistant's message and the usage when a turn is
            over, however it ended; sync or async. The message is whole, also of a turn that
            continues it.
        on_turn: called with the `TurnLabels` and the `TurnOutcome` of every turn that is over
            (`app.turns.outcome`); sync or async. They are what the log line is made of.
        store: where turns and chats are kept, instead of what the settings name; closed at the end.
        title: called with the messages of a new chat when its first turn is over; sync or async.
            Returns the chat's title, or None to keep its first words.
        authenticate: called with the request (a `starlette.requests.Request`), instead of what the
            settings ask for; sync or async. Returns the owner, a text that is not empty: what he
            has is kept apart from what others have. Raises ``HTTPException`` with 401 or 403 for
            who may not ask. It may also be a dependency of FastAPI that returns the owner.
        limit: called with a `LimitRequest` before each turn; returns the `Limits` of who asks
            (`app.limits.limits`), or None for those of the settings; sync or async.

    Raises:
        SettingsError: the environment cannot be used.
    """
    from app.http.documentation import documented  # loads FastAPI

    return _create(
        documented, settings, tools, schemas, on_finish, on_turn, store, title, authenticate, limit
    )


def create_lean_app(
    settings: Settings | None = None,
    *,
    tools: "Sequence[Tool | MCPServer]" = (),
    schemas: "Mapping[str, type[BaseModel]] | None" = None,
    on_finish: OnFinish | None = None,
    on_turn: OnTurn | None = None,
    store: Store | None = None,
    title: "TitleOf | None" = None,
    authenticate: "OwnAuthenticate | None" = None,
    limit: "OwnLimit | None" = None,
) -> Starlette:
    """Return the same app as `create_app`, but load FastAPI only for its documentation.

    It is ready in two thirds of the time, which is why our Lambda runtime takes it.

    Args:
        settings, tools, schemas, on_finish, on_turn, store, title, limit: as for `create_app`.
        authenticate: as for `create_app`, but no dependency.
    """
    return _create(
        lean, settings, tools, schemas, on_finish, on_turn, store, title, authenticate, limit
    )


def _create(
    make: _MakeApp[_App],
    settings: Settings | None,
    own_tools: "Sequence[Tool | MCPServer]",
    schemas: "Mapping[str, type[BaseModel]] | None",
    on_finish: OnFinish | None,
    on_turn: OnTurn | None,
    store: Store | None,
    title: "TitleOf | None",
    authenticate: "OwnAuthenticate | None",
    limit: "OwnLimit | None",
) -> _App:
    server = present_server()
    settings = with_secrets(server.settings(settings))
    if settings.log_model_errors:
        logging.getLogger(failures.LOGGER).setLevel(logging.DEBUG)
    places = Places(settings.running_turns)
    telemetry = make_telemetry(settings, places)
    turns = RunningTurns(on_finish, on_turn=on_turn, places=places, observers=telemetry.observers)
    setup = set_up_tools(settings, own_tools)
    threads = ToolThreads(settings.tool_threads)
    aside = Aside("reading")
    provider = make_provider(settings)
    owners = make_owners(settings, authenticate, has_dependencies=make is not lean)
    closing = (*setup.closing, provider.aclose, *owners.closing, telemetry.aclose)
    admission = Admission(max_body_bytes=settings.max_body_bytes, authenticate=owners.authenticate)
    keeping: Keeping | None = None
    limiting: Limiting | None = None
    stored: StoredRoutes = NothingStored(admission)
    store = make_store(settings) if store is None else store
    if store is not None:
        from app.http.stored import Stored  # by those who keep something, for the cold start
        from app.setup.keeping import make_keeping

        store = telemetry.timing(store)
        keeping = make_keeping(settings, store, aside=aside, new_id=_new_id, title_of=title)
        stored = Stored(admission, keeping.kept, keeping.following)
        turns.on_stop(keeping.following.stopping.set)
    if settings.has_limits or limit is not None:
        from app.setup.limits import make_limiting

        limiting = make_limiting(settings, limit, None if keeping is None else keeping.kept.store)
    counted = () if limiting is None else (limiting.aclose,)
    kept = () if keeping is None else (keeping.kept.aclose,)
    lifespan = Lifespan(turns.aclose, *counted, *kept, *closing, opening=setup.opening)
    options = chat_options(settings)
    chat_turns = ChatTurns(
        provider,
        options,
        tools=setup.tools,
        threads=threads,
        output_limits=OutputLimits(settings.max_result_bytes),
        approvals=Approvals(
            approval_secret(settings, setup.fixed, asking_servers=setup.asking_servers),
            lock=threading.Lock(),
            used=server.used_approvals,
        ),
        aside=aside,
        new_id=_new_id,
        has_room=turns.check,
        keeps_transcripts=turns.keeps_transcripts,
        detached_s=None if keeping is None else keeping.detached_s,
        tracing=telemetry.tracing,
    )
    chat = ChatResponder(
        turns, options, chat_turns, tools=setup.tools, keeping=keeping, limiting=limiting
    )
    known = {"version": __version__, "provider": settings.provider, "model": settings.model}
    routes = Routes(
        admission,
        chat,
        ToolResponder(
            setup.tools,
            default_tool=settings.default_tool,
            heartbeat_s=settings.keep_alive_s,
            deadline_margin_s=settings.deadline_margin_s,
            max_run_s=settings.max_turn_s,
            threads=threads,
            limits=OutputLimits(settings.max_result_bytes, MAX_FILES_BYTES),
            turns=turns,
            aside=aside,
            tracing=telemetry.tracing,
        ),
        stored,
        lifespan,
        me=Me(admission, limiting, model=settings.model).respond,
        models=Models(
            admission, settings.model, settings.models, client_system=settings.allow_client_system
        ).respond,
        schemas=Schemas(_example_schemas if schemas is None else lambda: schemas),
        max_messages=settings.max_messages,
        file_hosts=host_set(settings.file_hosts),
        allow_client_system=settings.allow_client_system,
        aside=aside,
        pages=Pages(),
        facts={**known, **server.facts},
        threads=threads,
        places=places,
        on_refusal=telemetry.refused,
    )
    endpoints = routes.endpoints()
    if owners.dependency is None:
        app = make(endpoints, lifespan)
    else:
        app = make(endpoints, lifespan, dependency=owners.dependency)
    ours: set[object] = {endpoint.respond for endpoint in endpoints}
    app.state.turns = turns
    app.state.tools = setup.tools
    app.state.metrics = telemetry.metrics
    if settings.metrics and telemetry.metrics is not None:
        ours.add(add_metrics(app, telemetry.metrics, settings))
    settle = None
    if settings.is_on_lambda and (telemetry.flush or on_finish or on_turn):
        from app.http.settling import Settling

        settle = partial(telemetry.settle, turns)
        app.add_middleware(Settling, settle=settle)
    add_not_found(app, ours)
    guard(app, settings, refuse_other_sites=server.refuse_other_sites)
    server.made.append(
        Made(
            app,
            settings,
            setup.tools,
            turns,
            lifespan,
            asks_who_asks=settings.asks_who_asks or authenticate is not None,
            reads_addresses=settings.has_limits or limit is not None,
            metrics=telemetry.metrics,
            settle=settle,
        )
    )
    return with_middleware_noted(app)


def _new_id(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(8)}"


def _example_schemas() -> "Mapping[str, type[BaseModel]]":
    from app.examples.recipe import Recipe  # loads pydantic

    return {"recipe": Recipe}
