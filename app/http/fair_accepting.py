"""Accepts connections from a socket that several processes share, about as many as the others do.

All of them are woken for each connection. The first would take a whole burst before the others have
a processor, and keep it for as long as its streams last: so a process that has more connections
than another one waits a moment. It waits some milliseconds at most, since that other one may hang.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

# How often a process lets the others go first, in a row, and for how long, in seconds.
_MOST_WAITS = 4
_WAIT_S = 0.001
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class FairAcceptor:
    """Accepts connections one by one while it runs.

    Args:
        listener: the shared socket.
        make_protocol: makes the protocol of one connection.
        open_connections: how many connections this process has.
        is_my_turn: whether a process with so many connections should take the next one.
        no_descriptor_s: after which time it tries again if there was no descriptor, in seconds; as
            in asyncio.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], asyncio.Protocol],
        *,
        open_connections: Callable[[], int],
        is_my_turn: Callable[[int], bool],
        no_descriptor_s: float = 1.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._make_protocol = make_protocol
        self._open_connections = open_connections
        self._is_my_turn = is_my_turn
        self._no_descriptor_s = no_descriptor_s
        self._waits = 0
        self._timer: asyncio.TimerHandle | None = None
        self._beginning: set[asyncio.Task[object]] = set()

    def start(self) -> None:
        """Accept connections from now on."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._ready)

    def stop(self) -> None:
        """Accept no more."""
        if self._timer is None:
            self._loop.remove_reader(self._listener)
        else:
            self._timer.cancel()

    def _ready(self) -> None:
        count = self._open_connections() + len(self._beginning)
        if not self._is_my_turn(count) and self._waits < _MOST_WAITS:
            self._waits += 1
            self._pause(_WAIT_S)
            return
        self._waits = 0
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was quicker, or the client has left
        except OSError as error:
            if error.errno not in _OUT_OF_RESOURCES:
                raise
            # In the words of asyncio, for whoever handles this in the loop.
            message = "socket.accept() out of system resource"
            self._loop.call_exception_handler({"message": message, "exception": error})
            self._pause(self._no_descriptor_s)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._begin(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client has left
            await self._loop.connect_accepted_socket(self._make_protocol, connection)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._timer = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._loop.add_reader(self._listener, self._ready)
