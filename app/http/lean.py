"""The app without FastAPI, where start-up time matters, as on Lambda.

The routes are the same. Loading FastAPI takes a third of the start, and here it only documents
them: it is loaded when somebody opens the documentation.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.endpoint import Endpoint

# The paths of FastAPI's pages.
_DOCUMENTATION = ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")


def lean(
    endpoints: Sequence[Endpoint],
    lifespan: Callable[[Any], AbstractAsyncContextManager[None]],
) -> Starlette:
    """Return an app that serves ``endpoints``, and documents them on request."""
    pages = _Documentation(endpoints)
    described = [Route(path, pages, methods=["GET"]) for path in _DOCUMENTATION]
    # Ours first: each route before the one that is asked for is tried in vain.
    app = Starlette(routes=[*plain_routes(endpoints), *described], lifespan=lifespan)
    app.router.redirect_slashes = False  # as in `app.http.documentation`
    return app


def plain_routes(endpoints: Sequence[Endpoint]) -> Sequence[Route]:
    """Return Starlette's own routes."""
    routes = []
    for path, method, respond, *_ in endpoints:
        route = Route(path, respond, methods=[method])
        route.methods = {method}  # Starlette adds HEAD, FastAPI does not
        route.app = _asgi(respond)
        routes.append(route)
    return routes


def _asgi(respond: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Return an endpoint as Starlette's `request_response` makes it, without handlers of its own.

    The app has the same ones around all routes.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await respond(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


class _Documentation:
    """An ASGI app that serves FastAPI's pages about ``endpoints``, made on the first request."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = endpoints
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from app.http.documentation import documented

            self._app = documented(self._endpoints)
        await self._app(scope, receive, send)
