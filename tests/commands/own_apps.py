"""Factories that a user may name in `CHAT_APP`, and things that are none."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import create_app, create_lean_app
from app.settings import Settings
from app.store.memory import MemoryStore
from app.tools import tool


@tool
async def find_order(number: int) -> str:
    """Look up an order."""
    return f"order {number}"


@tool
async def press() -> str:
    """Press the button."""
    return "pressed"


async def _orders(_: Request) -> JSONResponse:
    return JSONResponse(["order 7"])


def with_a_route() -> FastAPI:
    """What most users write."""
    app = create_app(tools=[find_order])

    @app.get("/orders")
    async def orders() -> list[str]:
        return ["order 7"]

    return app


def lean() -> Starlette:
    app = create_lean_app(tools=[find_order])
    app.router.routes.append(Route("/orders", _orders))
    return app


def compressing() -> FastAPI:
    app = with_a_route()
    app.add_middleware(GZipMiddleware)
    return app


def wrapped() -> ASGIApp:
    return GZipMiddleware(with_a_route())


def with_settings_of_its_own() -> FastAPI:
    return create_app(Settings(model="of-its-own", running_turns=2))


def asking() -> FastAPI:
    return create_app(authenticate=lambda request: "ada")


def mounting() -> Starlette:
    """Ours below a path of another app, which runs no lifespan but its own."""
    return Starlette(routes=[Route("/orders", _orders), Mount("/ai", app=create_app())])


def including() -> FastAPI:
    outer = FastAPI()
    outer.include_router(create_app().router, prefix="/ai")
    outer.add_api_route("/orders", _orders)
    return outer


def two() -> Starlette:
    """Two of ours: one that is returned, and one in it."""
    app = create_lean_app()
    app.mount("/second", create_lean_app(Settings(model="second")))
    return app


def two_with_tools() -> Starlette:
    app = create_lean_app(tools=[find_order])
    app.mount("/second", create_lean_app(tools=[press]))
    return app


LIVES: list[str] = []


async def _finished(chat_id: str | None, message: object, usage: object) -> None:
    LIVES.append("a turn ends")


class _Store(MemoryStore):
    async def aclose(self) -> None:
        LIVES.append("the store closes")
        await super().aclose()


def wrapped_with_a_store() -> ASGIApp:
    """What stands around it passes on the lifespan."""
    return GZipMiddleware(create_app(store=_Store()))


def including_and_told() -> FastAPI:
    outer = FastAPI()
    outer.include_router(create_app(on_finish=_finished).router)
    return outer


def told() -> Starlette:
    """Ours in an app with a lifespan; `LIVES` says what happened in which order."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        LIVES.append("outer begins")
        yield
        LIVES.append("outer ends")

    chat = create_app(on_finish=_finished, store=_Store())
    return Starlette(routes=[Mount("/ai", app=chat)], lifespan=lifespan)


def bare_asgi() -> ASGIApp:
    """No lifespan: the specification lets an app raise at what it does not know."""
    chat = create_lean_app()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
        await chat(scope, receive, send)

    return app


def returning_asgi() -> ASGIApp:
    """Returns from what it does not know."""
    chat = create_lean_app()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await chat(scope, receive, send)

    return app


def without_ours() -> Starlette:
    return Starlette(routes=[Route("/orders", _orders)])


def that_cannot_begin() -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        float("no database")
        yield

    return Starlette(routes=[Mount("/", app=create_app())], lifespan=lifespan)


async def is_async() -> FastAPI:
    return create_app()


def nothing() -> None:
    create_app()


def number() -> int:
    return 7


def failing() -> FastAPI:
    raise LookupError("there is no table orders.\nSee the log.")


def leaving() -> FastAPI:
    raise SystemExit(3)


def with_a_typo() -> FastAPI:
    return create_app(Settings(modle="x"))


def needing_a_package() -> FastAPI:
    import no_such_package_of_ours  # type: ignore[import-not-found]

    return no_such_package_of_ours.app  # type: ignore[no-any-return]


def failing_in_a_library() -> FastAPI:
    Path("/no/such/file").read_text()
    return create_app()


class Site:
    @staticmethod
    def make() -> FastAPI:
        return with_a_route()


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    """An app and no factory."""
    assert scope["type"] == "http"
    await PlainTextResponse("plain")(scope, receive, send)
