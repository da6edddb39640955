"""Our app on a real socket, in the test's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.types import ASGIApp

from app.http.connection_limits import ConnectionLimits, limited_protocol
from app.http.own_server import is_bare


@contextlib.asynccontextmanager
async def served(app: ASGIApp, *, writes_pieces: bool | None = None) -> AsyncIterator[str]:
    """Serve ``app`` and give its URL; leaving the block stops it as SIGTERM would.

    Args:
        writes_pieces: as for `limited_protocol`; None: as `serve` decides it.
    """
    if writes_pieces is None:
        writes_pieces = is_bare(app)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=limited_protocol(ConnectionLimits(), writes_pieces=writes_pieces),
        lifespan="on",
        log_config=None,
        access_log=False,
        # Clients that keep connections for later would now and then use one as it is closed.
        timeout_keep_alive=600,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
