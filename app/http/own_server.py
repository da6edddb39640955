"""What our own server does for a response beside ASGI, which any other server lacks.

In ASGI a client that leaves is told of to who waits for it, which takes a task, and each piece of a
body passes three coroutines of Starlette's and uvicorn's. A stream has one such task for its whole
life, and each of its tokens is such a piece.
"""

import asyncio
from typing import Protocol, TypeVar

from starlette.applications import Starlette
from starlette.types import ASGIApp, Scope

AnyApp = TypeVar("AnyApp", bound=Starlette)

# The key of the ASGI extension. Only the server fills it.
OWN_SERVER = "deltaline.own_server"


class OwnServer(Protocol):
    """Our server, in the service of one request."""

    def leaving(self) -> asyncio.Future[None] | None:
        """Return a future that is done when the client leaves. The request's body has been read.

        None if there is something to `receive`, perhaps that he has left already.
        """
        ...

    def write(self, piece: bytes) -> bool:
        """Write a piece of the body if the client takes it at once; return whether it is written.

        For a response without a length of which a piece has been sent in ASGI's way. Nothing is
        written so where somebody in between may want to see the pieces; see `is_bare`.
        """
        ...


def with_middleware_noted(app: AnyApp) -> AnyApp:
    """Return ``app``, which remembers what stands around its routes: nothing that reads bodies."""
    app.state.own_middleware = tuple(app.user_middleware)
    return app


def is_bare(app: ASGIApp) -> bool:
    """Return whether nothing stands around the app's routes but what was noted.

    Else somebody may count the pieces of a body, change or compress them, and has to get them all.
    That is so too where our app, or its routes, are part of another app.
    """
    if not isinstance(app, Starlette):
        return False
    noted: object = getattr(app.state, "own_middleware", None)
    return noted == tuple(app.user_middleware)


def own_server(scope: Scope) -> OwnServer | None:
    """Return our server, if it is ours that has the client."""
    found: OwnServer | None = (scope.get("extensions") or {}).get(OWN_SERVER)
    return found
