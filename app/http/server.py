"""Runs the app under uvicorn.

When the process receives a stop signal, uvicorn stops accepting connections at once. Running turns
get a grace period to finish; after it they are ended with an error part, so that no client waits
for text that never comes.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from app.aws.behind_adapter import BehindAdapter
from app.http.connection_limits import ConnectionLimits, limited_protocol
from app.http.descriptors import report_seldom
from app.tools.own_tasks import guard_tasks_of_tools

# Long enough for a sentence to end, short enough for a deployment.
SHUTDOWN_GRACE_S = 5.0
# Connections that the system keeps until we accept them, and how many asyncio accepts in a row: so
# often it tries again in one go when there is no descriptor for one.
_BACKLOG = 2048
_ACCEPTED_AT_ONCE = 64
# How long the end of a response may take to reach its client, in seconds.
_LAST_BYTES_S = 1.5


class ListenError(Exception):
    """The address cannot be listened on."""


class Server(uvicorn.Server):
    """uvicorn, with a callback when it is up and one for the running turns when it stops.

    Args:
        on_up: called once the server accepts requests and handles signals.
        stop_turns: ends every running turn properly.
        grace_s: how long turns may go on after a stop signal, in seconds.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_up: Callable[[], None],
        stop_turns: Callable[[], None],
        grace_s: float,
    ) -> None:
        super().__init__(config)
        self._on_up = on_up
        self._stop_turns = stop_turns
        self._grace_s = grace_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        report_seldom(asyncio.get_running_loop())
        guard_tasks_of_tools(asyncio.get_running_loop())
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_BACKLOG)
        self._on_up()

    def stop(self, *_: object) -> None:
        """Begin to stop. A signal handler."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        timers = (
            loop.call_later(self._grace_s, self._stop_turns),
            loop.call_later(self._grace_s + _LAST_BYTES_S, self._cut),
        )
        try:
            await super().shutdown(sockets)
        finally:
            for timer in timers:
                timer.cancel()

    def _cut(self) -> None:
        """Cut the connections of clients that do not even read the end of their response."""
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def serve(
    app: ASGIApp,
    *,
    stop_turns: Callable[[], None],
    host: str,
    port: int,
    grace_s: float = SHUTDOWN_GRACE_S,
    announce: Callable[[str], None] | None = None,
    behind_adapter: bool = False,
) -> int:
    """Serve until told to stop; return the exit status.

    Args:
        app: what is served.
        stop_turns: ends every running turn properly.
        host: address to listen on.
        port: 0 for any free one.
        grace_s: how long running turns may go on after a stop signal, in seconds.
        announce: called with the URL once the server accepts requests.
        behind_adapter: only the Lambda Web Adapter can reach ``port``.

    Raises:
        ListenError: the port is taken or not allowed; the message is one sentence.
    """
    # Everything that exists now lives as long as the process: the collector can skip it.
    gc.freeze()
    try:
        listener = socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=_BACKLOG,
        )
    except OSError as error:
        raise ListenError(
            f"cannot listen on {host} port {port}: {error.strerror}; "
            "choose another port with --port or PORT=."
        ) from error
    config = uvicorn.Config(
        BehindAdapter(app) if behind_adapter else app,
        loop="uvloop" if _has_uvloop() else "asyncio",
        # Behind the adapter it is Lambda that reads, and may freeze us meanwhile.
        http=limited_protocol(ConnectionLimits(unread_s=None if behind_adapter else 10.0)),
        backlog=_ACCEPTED_AT_ONCE,
        lifespan="on",
        ws="none",
        proxy_headers=False,  # nobody reads the client's address
        access_log=False,
        log_config=None,
        server_header=False,
        # For tasks that outlive even a closed connection.
        timeout_graceful_shutdown=int(grace_s) + 5,
    )
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    server = Server(
        config,
        on_up=lambda: None if announce is None else announce(url),
        stop_turns=stop_turns,
        grace_s=grace_s,
    )
    # For a signal that comes before uvicorn handles signals, and for the one that uvicorn raises
    # again at its end: that would kill the process, and a requested stop is no failure.
    signal.signal(signal.SIGTERM, server.stop)
    with listener:
        server.run(sockets=[listener])
    return 0 if server.started else 1


def _has_uvloop() -> bool:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return False
    return True
