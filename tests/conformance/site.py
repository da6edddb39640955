"""Everything that the clients talk to, on one socket.

/api/…             the real app, with the scripted model behind it
/parts/NAME        turns that `parts_app` plays, without a model
/kept/NAME/ID      chats that `kept_app` keeps, without a model
/stored/api/…      the real app, with a store
/limited/api/…     the real app, where one turn a minute may begin for each ``?as=``
/model/requests    what the model was asked: bodies that contain ``?containing=``
/model/left        answers as soon as a client has left the model's answer
/trap/NAME/…       any of these, with its bytes spoilt on the wire (`traps`)
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.own_limit import OwnLimit
from app.limits.limits import LimitRequest, Limits
from app.main import create_app
from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted
from app.settings import Settings
from tests.conformance.flows import Api
from tests.conformance.kept_app import create_kept_app
from tests.conformance.pace import Pace
from tests.conformance.parts_app import create_parts_app
from tests.conformance.spoiler import Spoiler
from tests.conformance.tools import tools
from tests.conformance.traps import TRAPS
from tests.serving import served

# Short enough for every longer silence of the model to be filled.
KEEP_ALIVE_S = 0.2
MAX_STEPS = 3


@contextlib.asynccontextmanager
async def site(api: Api = "chat", *, pace: Pace | None = None) -> AsyncIterator[str]:
    """Serve it all and give the URL.

    Args:
        api: the one that the app asks the model through.
        pace: of the client.
    """
    pause = (pace or Pace()).pause
    control = Control(keep=1000, pause=pause)
    async with serve_scripted(control, delay_s=0.002) as model_url:

        def app(store: str, limit: OwnLimit | None = None) -> FastAPI:
            settings = Settings(
                openai_base_url=model_url,
                api=api,
                allowed_models=("gpt-5",),  # one that is asked for its encrypted reasoning
                keep_alive_s=KEEP_ALIVE_S,
                max_steps=MAX_STEPS,
                store=store,
            )
            return create_app(settings, tools=tools(pause), limit=limit)

        stored = app("memory")
        all_of_it = _Site(
            app("off"),
            create_parts_app(new_id=lambda: f"msg-{secrets.token_hex(8)}", pause=pause),
            create_kept_app(new_id=lambda prefix: f"{prefix}-{secrets.token_hex(8)}"),
            stored,
            app("off", _one_a_minute),
            watching(control),
        )
        async with stored.router.lifespan_context(stored), served(all_of_it) as url:
            yield url


def watching(control: Control, *, patience_s: float | None = None) -> Starlette:
    """Return ``/model/…``; ``patience_s`` is how long it waits for a client to leave.

    ``/model/pause?seconds=`` answers after a pause, for a site that is another process.
    """

    async def requests(request: Request) -> JSONResponse:
        marker = request.query_params["containing"].encode()
        return JSONResponse([seen.body for seen in control.requests if marker in seen.raw])

    async def left(request: Request) -> JSONResponse:
        try:
            async with asyncio.timeout(patience_s):
                await control.client_left()
        except TimeoutError:
            return JSONResponse({"openStreams": control.open_streams}, status_code=504)
        return JSONResponse({"openStreams": control.open_streams})

    async def gate(request: Request) -> JSONResponse:
        control.gate(request.query_params["name"]).open()
        return JSONResponse({})

    async def pause(request: Request) -> JSONResponse:
        await control.pause(float(request.query_params["seconds"]))
        return JSONResponse({})

    routes = {
        "/model/requests": requests,
        "/model/left": left,
        "/model/gate": gate,
        "/model/pause": pause,
    }
    return Starlette(routes=[Route(path, endpoint) for path, endpoint in routes.items()])


def _one_a_minute(asked: LimitRequest) -> Limits:
    return Limits(turns_per_minute=1, counted_as=asked.request.query_params["as"])


class _Site:
    def __init__(
        self,
        app: ASGIApp,
        parts: ASGIApp,
        kept: ASGIApp,
        stored: ASGIApp,
        limited: ASGIApp,
        model: ASGIApp,
    ) -> None:
        self._app = app
        self._parts = parts
        self._kept = kept
        self._stored = stored
        self._limited = limited
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/trap/"):
            _, _, name, rest = path.split("/", 3)
            await Spoiler(TRAPS[name], self)(_moved(scope, rest), receive, send)
        elif path.startswith("/stored/"):
            await self._stored(_moved(scope, path.removeprefix("/stored/")), receive, send)
        elif path.startswith("/limited/"):
            await self._limited(_moved(scope, path.removeprefix("/limited/")), receive, send)
        elif path.startswith("/parts/"):
            await self._parts(scope, receive, send)
        elif path.startswith("/kept/"):
            await self._kept(scope, receive, send)
        elif path.startswith("/model/"):
            await self._model(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _moved(scope: Scope, path: str) -> Scope:
    return {**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}
