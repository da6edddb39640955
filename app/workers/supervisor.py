"""The process that starts the workers: it replaces those that die, and ends them all.

It serves nothing itself. Each worker is the same command in a process of its own, with
a variable more in its environment, and in a process group of its own: the interrupt key reaches
the supervisor only, which tells each worker once.
"""

import contextlib
import logging
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from app.workers.connection_counts import ConnectionCounts
from app.workers.handover import Failed, Place, Up, decode_report, encode_place
from app.workers.restarts import Again, Ending, GiveUp, Restarts

logger = logging.getLogger("deltaline.workers")


@dataclass(slots=True)
class _Process:
    """One worker. ``since``: when it was ready, by the supervisor's clock."""

    number: int
    process: "subprocess.Popen[bytes]"
    channel: socket.socket
    received: bytearray = field(default_factory=bytearray)
    since: float | None = None


class Supervisor:
    """Runs a number of workers.

    Args:
        count: how many.
        command: starts one.
        environ: of each.
        variable: in the environment of a worker, the descriptor of its socket to the supervisor.
        listener: the listening socket that they share.
        approval_secret: as in `Place`.
        on_up: called once, when all of them serve.
        end_within_s: how long the workers may take to end when told to, in seconds; then they are
            killed.
        restarts: decides what becomes of the server when a worker has ended.
        shared: the descriptor of a file for the workers, made by `make_shared_file`.
        on_ended: called with the process id of each worker that has ended.
    """

    def __init__(
        self,
        count: int,
        *,
        command: Sequence[str],
        environ: Mapping[str, str],
        variable: str,
        listener: socket.socket,
        approval_secret: str,
        on_up: Callable[[], None],
        end_within_s: float,
        restarts: Restarts,
        shared: int,
        on_ended: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self._on_ended = on_ended
        self._count = count
        self._command = command
        self._environ = environ
        self._variable = variable
        self._listener = listener
        self._approval_secret = approval_secret
        self._on_up = on_up
        self._has_been_up = False
        self._end_within_s = end_within_s
        self._restarts = restarts
        self._shared = shared
        self._counts = ConnectionCounts(shared, count)
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, _Process] = {}
        # The numbers of workers that have to be started, and when.
        self._due: dict[int, float] = dict.fromkeys(range(1, count + 1), 0.0)
        self._status = 0
        self._failure: GiveUp | None = None
        self._is_ending = False
        self._kill_at: float | None = None

    def run(self) -> int | GiveUp:
        """Return the exit status once all workers have ended, or why they could not serve."""
        with self._selector, _signals_as_bytes() as signals:
            self._selector.register(signals, selectors.EVENT_READ)
            while self._workers or self._due:
                self._start_due()
                for key, _ in self._selector.select(self._patience_s()):
                    if key.data is None:
                        for number in signals.recv(256):
                            self._signalled(number)
                    else:
                        self._read(key.data)
                self._bury()
                self._kill_late()
        return self._status if self._failure is None else self._failure

    def _patience_s(self) -> float | None:
        """Return for how long nothing has to be done unless something happens."""
        times = [*self._due.values(), *([] if self._kill_at is None else [self._kill_at])]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _start_due(self) -> None:
        now = time.monotonic()
        for number in [number for number, at in self._due.items() if at <= now]:
            del self._due[number]
            self._start(number)

    def _start(self, number: int) -> None:
        self._counts.leave(number)  # until it serves
        ours, its = socket.socketpair()
        ours.setblocking(False)
        place = Place(
            number=number,
            count=self._count,
            listener=self._listener.fileno(),
            shared=self._shared,
            approval_secret=self._approval_secret,
        )
        ours.send(encode_place(place))
        with its:
            try:
                process = subprocess.Popen(
                    self._command,
                    env={**self._environ, self._variable: str(its.fileno())},
                    stdin=subprocess.DEVNULL,
                    pass_fds=(its.fileno(), place.listener, place.shared),
                    process_group=0,
                )
            except OSError as error:
                ours.close()
                how = f"because the system gave it no process: {error.strerror}"
                self._replace(number, 0, Ending(how=how, served_s=None))
                return
        worker = _Process(number, process, ours)
        self._workers[number] = worker
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _read(self, worker: _Process) -> None:
        """Take note of what a worker has said."""
        try:
            received = worker.channel.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            # It is dead, or about to be. SIGCHLD tells.
            with contextlib.suppress(KeyError):
                self._selector.unregister(worker.channel)
            return
        worker.received += received
        if worker.since is None and decode_report(bytes(worker.received)) == Up():
            worker.since = time.monotonic()
            self._restarts.one_serves()
            if not self._has_been_up and not self._is_ending and self._all_serve():
                self._has_been_up = True
                self._on_up()

    def _all_serve(self) -> bool:
        serving = [worker for worker in self._workers.values() if worker.since is not None]
        return len(serving) == self._count

    def _signalled(self, number: int) -> None:
        if number == signal.SIGCHLD:
            return  # `_bury` looks after each turn of the loop
        if not self._is_ending:
            self._status = 130 if number == signal.SIGINT else 0
            self._end()
        elif number == signal.SIGINT:
            # The second one forces, as it does in a server without workers.
            self._tell_all(signal.SIGINT)

    def _end(self) -> None:
        """Let all workers end, and start no more."""
        self._is_ending = True
        self._kill_at = time.monotonic() + self._end_within_s
        self._due.clear()
        # Theirs is the other end of it: once they have closed it, nobody listens any more.
        self._listener.close()
        # Never SIGINT at first: whoever signals all our processes at once, as systemd does, has
        # told the workers already, and a second SIGINT would force them.
        self._tell_all(signal.SIGTERM)

    def _tell_all(self, number: signal.Signals) -> None:
        for worker in self._workers.values():
            worker.process.send_signal(number)

    def _kill_late(self) -> None:
        if self._kill_at is None or time.monotonic() < self._kill_at:
            return
        for worker in self._workers.values():
            logger.error(
                "worker %d (process %d) did not end in time and is killed",
                worker.number,
                worker.process.pid,
            )
        self._status = 1
        self._kill_at = None
        self._tell_all(signal.SIGKILL)

    def _bury(self) -> None:
        """Take note of the workers that have ended."""
        ended = [worker for worker in self._workers.values() if worker.process.poll() is not None]
        for worker in ended:
            self._read(worker)  # its last words
            with contextlib.suppress(KeyError):
                self._selector.unregister(worker.channel)
            worker.channel.close()
            self._counts.leave(worker.number)
            del self._workers[worker.number]
            self._on_ended(worker.process.pid)
            if not self._is_ending:
                self._replace(worker.number, worker.process.pid, _ending(worker))

    def _replace(self, number: int, pid: int, ending: Ending) -> None:
        match self._restarts.decide(ending):
            case Again(pause_s):
                logger.error(
                    "worker %d (process %d) ended %s%s; another one takes its place",
                    number,
                    pid,
                    ending.how,
                    "" if ending.served_s is not None else " before it could serve",
                    extra={"fields": {"reason": ending.sentence} if ending.sentence else {}},
                )
                self._due[number] = time.monotonic() + pause_s
            case GiveUp() as failure:
                self._failure = failure
                self._end()
            case decision:
                assert_never(decision)


@contextlib.contextmanager
def _signals_as_bytes() -> Iterator[socket.socket]:
    """Give a socket that reads a byte for each signal that concerns us: its number."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        # Python writes the byte for signals that it handles only.
        handlers = {number: signal.signal(number, lambda *_: None) for number in numbers}
        try:
            yield ours
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)


def _ending(worker: _Process) -> Ending:
    said = decode_report(bytes(worker.received))
    return Ending(
        how=_how(worker.process.returncode),
        served_s=None if worker.since is None else time.monotonic() - worker.since,
        sentence=said.sentence if isinstance(said, Failed) else "",
    )


def _how(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"
