"""Serves the scripted model on a socket of this process while a block runs."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.scripted_model.control import Control
from app.scripted_model.server import create_scripted_app


class _Connection(HttpToolsProtocol):
    """uvicorn's connection, without uvicorn's loggers, which belong to the app beside us."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = logging.getLogger(__name__)
        self.access_log = False


@contextlib.asynccontextmanager
async def serve_scripted(
    control: Control | None = None,
    *,
    delay_s: float = 0.02,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[str]:
    """Serve the scripted model and yield its base URL, ``http://127.0.0.1:PORT/v1``.

    Leaving the block closes every connection at once, even in the middle of a response.

    Args:
        control: observes and steers the model. Streams cut off by the end of the block do not
            count as left by their client.
        delay_s: seconds before each token, unless the directive sets its own.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.

    Raises:
        OSError: the address cannot be used.
    """
    control = control or Control(keep=8)
    listener = listen(host, port)
    connections: set[Any] = set()

    async def hang_up(scope: Scope) -> None:
        for connection in list(connections):
            if connection.client == scope["client"]:
                connection.transport.close()

    app = create_scripted_app(control, delay_s=delay_s, hang_up=hang_up)
    config = uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
    )
    config.load()
    server = uvicorn.Server(config)
    # `serve()` would take over the process's signals and check only ten times a second whether to
    # stop. Without it, all that remains is to start and to end.
    server.lifespan = config.lifespan_class(config)
    connections = server.server_state.connections
    await server.startup(sockets=[listener])
    try:
        yield f"http://{_address(listener)}/v1"
    finally:
        control.close()
        for listening in server.servers:
            listening.close()
        for connection in list(connections):
            connection.transport.abort()
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
        for listening in server.servers:
            await listening.wait_closed()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Unlike `socket.create_server`, it names the protocol. Only then does asyncio turn off Nagle's
    algorithm for accepted connections; with Nagle, small writes wait up to 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
