"""Resume, stop and history where nothing is kept: no turn runs without its client."""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFound
from app.http.admission import Admission

NO_STORE: Mapping[str, str] = {"cache-control": "no-store"}


class StoredRoutes(Protocol):
    """The routes of what is kept."""

    async def resume(self, request: Request) -> Response:
        """Follow a chat's turn, or say that none is running."""
        ...

    async def resume_4(self, request: Request) -> Response:
        """The same for AI SDK 4, whose client takes a 204 for an error."""
        ...

    async def stop(self, request: Request) -> Response:
        """Stop a chat's turn."""
        ...

    async def chats(self, request: Request) -> Response:
        """List the chats."""
        ...

    async def chat(self, request: Request) -> Response:
        """Return a chat."""
        ...

    async def delete(self, request: Request) -> Response:
        """Delete a chat."""
        ...


class NothingStored:
    """The routes without a store.

    Args:
        admission: decides which requests are served.
    """

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def resume(self, request: Request) -> Response:
        """Say that no turn is running."""
        await self._admission.owner(request)
        return nothing_runs()

    async def resume_4(self, request: Request) -> Response:
        """Say so with an empty stream."""
        await self._admission.owner(request)
        return Response(headers=dict(NO_STORE), media_type="text/plain; charset=utf-8")

    async def stop(self, request: Request) -> Response:
        """Do nothing: each turn ends with its client."""
        await self._admission.owner(request)
        return nothing_runs()

    async def chats(self, request: Request) -> Response:
        """Say that none are kept."""
        await self._admission.owner(request)
        raise NotFound("This server keeps no chats: its CHAT_STORE is off.")

    chat = delete = chats


def nothing_runs() -> Response:
    """Return what AI SDK 5 and later take for: nothing to resume."""
    return Response(status_code=204, headers=dict(NO_STORE))
