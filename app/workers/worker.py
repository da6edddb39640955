"""This process as one of several workers: what it has from its supervisor, and its end with it."""

import contextlib
import os
import signal
import socket
import threading
import time
from typing import NoReturn

from app.workers.connection_counts import ConnectionCounts
from app.workers.handover import Failed, Place, Report, Up, decode_place, encode_report


class Worker:
    """What this process shares with the other workers.

    Args:
        place: what the supervisor has said.
        channel: to the supervisor.

    Attributes:
        place: what the supervisor has said.
        listener: accepts connections; whichever worker is free takes the next one.
    """

    def __init__(self, place: Place, channel: socket.socket) -> None:
        self.place = place
        self.listener = socket.socket(fileno=place.listener)
        self._channel = channel
        self._counts = ConnectionCounts(place.shared, place.count)

    def is_my_turn(self, connections: int) -> bool:
        """Whether no other worker has fewer than so many connections."""
        return self._counts.has_fewest(self.place.number, connections)

    def say_up(self) -> None:
        """Tell the supervisor that this worker serves."""
        self._counts.has_fewest(self.place.number, 0)
        self._say(Up())

    def say_failed(self, sentence: str) -> None:
        """Tell the supervisor why this worker cannot serve."""
        self._say(Failed(sentence))

    def _say(self, report: Report) -> None:
        # A supervisor that is gone ends us anyway.
        with contextlib.suppress(OSError):
            self._channel.sendall(encode_report(report))

    def end_with_supervisor(self, within_s: float) -> None:
        """Stop as by SIGTERM when the supervisor dies, and end by force ``within_s`` after that.

        In a thread of its own, so that an event loop that hangs cannot keep the port.
        """

        def watch() -> NoReturn:
            with contextlib.suppress(OSError):
                while self._channel.recv(64):
                    pass
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(within_s)
            os._exit(1)

        threading.Thread(target=watch, name="supervisor", daemon=True).start()


def take_over(descriptor: str) -> Worker:
    """Return this process as the worker that its supervisor has started.

    Args:
        descriptor: of the socket to the supervisor.
    """
    channel = socket.socket(fileno=int(descriptor))
    line = b""
    while not line.endswith(b"\n") and (more := channel.recv(4096)):
        line += more
    place = decode_place(line)
    # Programs that tools start must not keep the port or look like a worker that lives.
    for number in (channel.fileno(), place.listener, place.shared):
        os.set_inheritable(number, False)
    return Worker(place, channel)
