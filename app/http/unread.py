"""Cuts the connection of a client that does not read what it has asked for.

A blocked write alone says nothing: a client that reads slowly blocks it for as long as our buffer
takes to drain. So what counts is whether the bytes on their way become fewer, those in the system's
buffer included. A client that takes something every now and then may take as long as it likes.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.http.light_connection import LightConnection


class UnreadWatch:
    """Watches one connection while bytes for it wait. Costs a timer in ``longest_s`` at most.

    Args:
        transport: the connection, which is aborted.
        longest_s: how long the client may take nothing, in seconds.
        may_grow: whether new bytes may be on their way: then nothing can be told.
    """

    __slots__ = (
        "_is_waiting",
        "_longest_s",
        "_loop",
        "_may_grow",
        "_since",
        "_timer",
        "_transport",
        "_unread",
    )

    def __init__(
        self, transport: asyncio.Transport, longest_s: float, *, may_grow: Callable[[], bool]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._longest_s = longest_s
        self._may_grow = may_grow
        self._is_waiting = False
        self._unread = 0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to wait: from now on the unread bytes have to become fewer."""
        self._is_waiting = True
        self._since = self._loop.time()
        self._unread = _unread_bytes(self._transport)
        if self._timer is None:
            self._timer = self._loop.call_later(self._longest_s, self._ring)

    def stop(self) -> None:
        """Wait no more: the client has taken enough. The timer is left to run out."""
        self._is_waiting = False

    def close(self) -> None:
        """End for good: the connection is lost."""
        self._is_waiting = False
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._timer = None
        if not self._is_waiting or self._may_grow():
            self._is_waiting = False
            return
        now = self._loop.time()
        left_s = self._since + self._longest_s - now
        if left_s <= 0:
            unread = _unread_bytes(self._transport)
            if unread >= self._unread:
                self._transport.abort()
                return
            self._unread, self._since, left_s = unread, now, self._longest_s
        self._timer = self._loop.call_later(left_s, self._ring)


class WatchedConnection(LightConnection):
    """One connection of uvicorn's, cut when its client takes nothing for ``unread_s`` seconds.

    As when a client leaves, the app is told, and what ran for the client ends. A token costs
    nothing: the transport calls us when its buffer is full.
    """

    __slots__ = ("_unread", "_unread_s")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        unread_s: float | None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._unread_s = unread_s
        self._unread: UnreadWatch | None = None  # made when there is something to watch

    def connection_lost(self, exc: Exception | None) -> None:
        if self._unread is not None:
            self._unread.close()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.stop()

    def on_response_complete(self) -> None:
        # What is left of it fits into the buffer, so nothing would be paused.
        if self.transport.get_write_buffer_size():
            self._watch()
        HttpToolsProtocol.on_response_complete(self)

    def _watch(self) -> None:
        if self._unread_s is None:
            return
        if self._unread is None:
            self._unread = UnreadWatch(
                self.transport, self._unread_s, may_grow=self._is_writing_freely
            )
        self._unread.start()

    @property
    def _is_responding(self) -> bool:
        # Before the first request `cycle` is None, whatever its annotation says.
        return getattr(self.cycle, "response_complete", True) is False

    def _is_writing_freely(self) -> bool:
        return self._is_responding and not self.flow.write_paused


def _unread_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes wait in our buffer and, unacknowledged, in the system's."""
    waiting = transport.get_write_buffer_size()
    connection = transport.get_extra_info("socket")
    if connection is None:
        return waiting
    try:
        from fcntl import ioctl
        from termios import TIOCOUTQ

        (in_system,) = struct.unpack("i", ioctl(connection.fileno(), TIOCOUTQ, bytes(4)))
    except (ImportError, OSError):  # Windows: only what stands in our own buffer is seen
        return waiting
    return waiting + int(in_system)
