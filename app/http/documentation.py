"""The app as FastAPI makes it, with ``/openapi.json`` and ``/docs``.

In the app itself FastAPI documents the routes and Starlette serves them. Included into another
FastAPI app they are served by FastAPI, with the dependencies of that app. Where start-up time
matters, `app.http.lean` is used instead.
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response

from app import __version__
from app.http.endpoint import Endpoint
from app.http.errors import with_error_responses


class _PlainRoute(APIRoute):
    """A route that FastAPI documents and Starlette serves.

    Our endpoints take the request and return a response; what FastAPI does around them
    (dependencies, their exit stacks, validation) would be for nothing, and cost as much as parsing.
    An app that includes this route does not use `app` but makes a handler with its dependencies.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(endpoint)


class _AskingRoute(APIRoute):
    """A route that FastAPI serves, so that it calls the application's dependency before.

    What the dependency raises gets the response that it would get from our endpoint.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return with_error_responses(super().get_route_handler())


def documented(
    endpoints: Sequence[Endpoint],
    lifespan: Callable[[Any], AbstractAsyncContextManager[None]] | None = None,
    *,
    dependency: Callable[..., Any] | None = None,
) -> FastAPI:
    """Return an app that serves and documents ``endpoints``.

    Args:
        dependency: called by FastAPI before each endpoint that asks who asks.
    """
    app = FastAPI(
        title="Deltaline",
        version=__version__,
        summary="The Python backend behind React useChat.",
        lifespan=lifespan,
        redirect_slashes=False,  # behind TLS the address it redirects to would be wrong
    )
    for endpoint in endpoints:
        path, method, respond, description, _ = endpoint
        before: dict[str, Any] = {}
        if dependency is not None and not endpoint.is_open:
            app.router.route_class = _AskingRoute
            before["dependencies"] = [Depends(dependency)]
        else:
            app.router.route_class = _PlainRoute
        app.router.add_api_route(path, respond, methods=[method], **before, **description)
    # Routes that are added to this app are FastAPI's own.
    app.router.route_class = APIRoute
    return app
