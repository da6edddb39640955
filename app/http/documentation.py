"""The app as FastAPI makes it, with ``/openapi.json`` and ``/docs``.

In the app itself FastAPI documents the routes and Starlette serves them. Included into another
FastAPI app they are served by FastAPI, with the dependencies of that app. Where start-up time
matters, `app.http.lean` is used instead.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import request_response

from app import __version__
from app.http.routes import Endpoint


class _PlainRoute(APIRoute):
    """A route that FastAPI documents and Starlette serves.

    Our endpoints take the request and return a response; what FastAPI does around them
    (dependencies, their exit stacks, validation) would be for nothing, and cost as much as parsing.
    An app that includes this route does not use `app` but makes a handler with its dependencies.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(endpoint)


def documented(
    endpoints: Sequence[Endpoint],
    lifespan: Callable[[Any], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """Return an app that serves and documents ``endpoints``."""
    app = FastAPI(
        title="Deltaline",
        version=__version__,
        summary="The Python backend behind React useChat.",
        lifespan=lifespan,
        redirect_slashes=False,  # behind TLS the address it redirects to would be wrong
    )
    app.router.route_class = _PlainRoute
    for path, method, respond, description in endpoints:
        app.router.add_api_route(path, respond, methods=[method], **description)
    # Routes that are added to this app are FastAPI's own.
    app.router.route_class = APIRoute
    return app
