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
from typing import TYPE_CHECKING

import uvicorn
from starlette.types import ASGIApp

from app.aws.behind_adapter import BehindAdapter
from app.http.connection_limits import ConnectionLimits, limited_protocol
from app.http.descriptors import report_seldom
from app.http.listening import BACKLOG
from app.http.own_server import is_bare
from app.tools.own_tasks import guard_tasks_of_tools

if TYPE_CHECKING:
    from app.http.fair_accepting import FairAcceptor

# How many connections asyncio accepts in a row: so often it tries again in one go when there is no
# descriptor for one.
_ACCEPTED_AT_ONCE = 64
# After so many more objects than have gone the garbage collector looks at the new ones.
_NEW_OBJECTS = 5000
# How long the end of a response may take to reach its client, in seconds.
_LAST_BYTES_S = 1.5
# What comes later than this, in seconds, comes after the process stood still.
_LATE_S = 0.5


class Server(uvicorn.Server):
    """uvicorn, with a callback when it is up and one for the running turns when it stops.

    Args:
        on_up: called once the server accepts requests and handles signals.
        stop_turns: ends every running turn properly.
        grace_s: how long turns may go on after a stop signal, in seconds.
        is_my_turn: given where several processes accept from the same sockets, as for
            `FairAcceptor`.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_up: Callable[[], None],
        stop_turns: Callable[[], None],
        grace_s: float,
        is_my_turn: Callable[[int], bool] | None = None,
    ) -> None:
        super().__init__(config)
        self._on_up = on_up
        self._stop_turns = stop_turns
        self._grace_s = grace_s
        self._is_my_turn = is_my_turn
        self._acceptors: list[FairAcceptor] = []
        self._cutting: asyncio.TimerHandle | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        report_seldom(asyncio.get_running_loop())
        guard_tasks_of_tools(asyncio.get_running_loop())
        if self._is_my_turn is None:
            await super().startup(sockets)
            for listener in sockets or ():
                listener.listen(BACKLOG)
        else:
            await super().startup([])
            self._accept_fairly(sockets or [], self._is_my_turn)
        self._on_up()

    def _accept_fairly(
        self, listeners: list[socket.socket], is_my_turn: Callable[[int], bool]
    ) -> None:
        from app.http.fair_accepting import FairAcceptor

        for listener in listeners:
            acceptor = FairAcceptor(
                listener,
                # As uvicorn does it.
                lambda: self.config.http_protocol_class(  # type: ignore[call-arg]
                    config=self.config,
                    server_state=self.server_state,
                    app_state=self.lifespan.state,
                ),
                open_connections=lambda: len(self.server_state.connections),
                is_my_turn=is_my_turn,
            )
            acceptor.start()
            self._acceptors.append(acceptor)

    def stop(self, *_: object) -> None:
        """Begin to stop. A signal handler."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for acceptor in self._acceptors:
            acceptor.stop()
        stopping = asyncio.get_running_loop().call_later(self._grace_s, self._stop_turns)
        self._cut_after(self._grace_s + _LAST_BYTES_S)
        try:
            await super().shutdown(sockets)
        finally:
            stopping.cancel()
            if self._cutting is not None:
                self._cutting.cancel()

    def _cut_after(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        self._cutting = loop.call_at(at, self._cut, at)

    def _cut(self, at: float) -> None:
        """Cut the connections of clients that do not even read the end of their response."""
        if asyncio.get_running_loop().time() - at > _LATE_S:
            # Suspended, or without a processor: what was to be sent before is due only now.
            self._cut_after(_LAST_BYTES_S)
            return
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    stop_turns: Callable[[], None],
    on_up: Callable[[], None],
    grace_s: float,
    behind_adapter: bool = False,
    is_my_turn: Callable[[int], bool] | None = None,
    reads_addresses: bool = False,
) -> int:
    """Serve until told to stop; return the exit status.

    Args:
        app: what is served.
        listener: accepts the connections; closed at the end.
        stop_turns: ends every running turn properly.
        on_up: called once the server accepts requests.
        grace_s: how long running turns may go on after a stop signal, in seconds.
        behind_adapter: only the Lambda Web Adapter can reach ``listener``.
        is_my_turn: given where other processes accept connections from ``listener`` too: whether
            a process with so many connections should take the next one.
        reads_addresses: whether ``app`` asks from where a request comes.
    """
    # Everything that exists now lives as long as the process: the collector can skip it.
    gc.freeze()
    # A turn leaves no garbage of the kind that only the collector finds, but has some hundred
    # objects while it runs: the usual 700 new ones are reached by a few turns that go well.
    gc.set_threshold(_NEW_OBJECTS)
    config = uvicorn.Config(
        BehindAdapter(app) if behind_adapter else app,
        loop="uvloop" if _has_uvloop() else "asyncio",
        # Behind the adapter it is Lambda that reads, and may freeze us meanwhile.
        http=limited_protocol(
            ConnectionLimits(unread_s=None if behind_adapter else 10.0), writes_pieces=is_bare(app)
        ),
        backlog=_ACCEPTED_AT_ONCE,
        lifespan="on",
        ws="none",
        # Of the proxies in FORWARDED_ALLOW_IPS. Nobody else reads the client's address.
        proxy_headers=reads_addresses and not behind_adapter,
        access_log=False,
        log_config=None,
        server_header=False,
        # For tasks that outlive even a closed connection.
        timeout_graceful_shutdown=int(grace_s) + 5,
    )
    server = Server(
        config, on_up=on_up, stop_turns=stop_turns, grace_s=grace_s, is_my_turn=is_my_turn
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
