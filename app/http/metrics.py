"""``GET /metrics`` on the port of the chat: for who has the server's token, and for nobody else."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from app.http.errors import with_error_responses
from app.owners.authentication import Authenticate
from app.threads import run_in_thread


class Shown(Protocol):
    """Metrics that can be shown."""

    def shown(self, accept: str) -> tuple[bytes, str]: ...


def metrics_endpoint(
    metrics: Shown, authenticate: Authenticate
) -> Callable[[Request], Awaitable[Response]]:
    """Return what serves the route.

    Args:
        authenticate: refuses who has no token.
    """

    async def respond(request: Request) -> Response:
        await authenticate(request)
        accept = request.headers.get("accept", "")
        # With several workers it reads the files of all of them.
        body, media_type = await run_in_thread(lambda: metrics.shown(accept), name="metrics")
        return Response(body, headers={"content-type": media_type, "cache-control": "no-store"})

    return with_error_responses(respond)
