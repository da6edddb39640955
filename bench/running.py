"""What every section measures with: two cores, the mock of the model, the load generator."""

import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import preparing, processes, servers
from bench.load import Load, LoadGenerator, Measurement
from bench.servers import CHAT_PATH, Contender, Server, ServerFailed
from bench.wire import WrongAnswer, read_answer, request_body

UPSTREAM_PATH = "/v1/chat/completions"
CHECKED_TOKENS = 40
# For 2,000 streams a server opens 4,000 files; ours takes half of what it may open as connections.
WANTED_FILES = 65_536
FILES_PER_STREAM = 5
SETTLING_LOOKS, SETTLING_LOOK_S = 60, 0.05
WORDS = (
    *("ability", "because", "channel", "deliver", "example", "forward", "general", "history"),
    *("improve", "journey", "kitchen", "library", "machine", "natural", "opinion", "pattern"),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """A level of concurrency with a model that speaks at its own pace.

    Attributes:
        tokens: the length of an answer.
        answers: how many each stream reads, one after another.
        delay_ms: between two tokens.
        ramp_ms: the streams start evenly over this time.
        most_rounds: no more than these, however many the run has.
    """

    streams: int
    tokens: int = 100
    answers: int = 1
    delay_ms: int = 20
    ramp_ms: int = 1000
    most_rounds: int = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: each visits all servers in turn; figures are medians over the rounds.
        unpaced_streams: levels of concurrency with a model that never waits.
        unpaced_s: how long one measurement should take, in seconds.
        paces: levels of concurrency with one that waits.
    """

    rounds: int
    unpaced_streams: Sequence[int]
    unpaced_s: float
    paces: Sequence[Pace]


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the server may use, and which the mock, the load generator and this program."""

    server: Collection[int]
    load: Collection[int]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a section measures with.

    Attributes:
        available: the cores of this machine that the run may use.
        files: how many files a process may open.
        left_out: why contenders were left out, one sentence each.
    """

    plan: Plan
    contenders: Sequence[Contender]
    cores: Cores
    available: Sequence[int]
    upstream_port: int
    upstream_pid: int
    generator: LoadGenerator
    files: int
    left_out: list[str] = field(default_factory=list)

    def contenders_of(self, section: str) -> list[Contender]:
        return [contender for contender in self.contenders if contender.is_in(section)]

    @contextmanager
    def with_cores(self, cores: Cores) -> Iterator["Bench"]:
        """Move the mock and this program to other cores for a while; servers start on theirs."""
        try:
            self._move_load(cores)
            yield replace(self, cores=cores)
        finally:
            self._move_load(self.cores)

    def _move_load(self, cores: Cores) -> None:
        os.sched_setaffinity(0, cores.load)
        os.sched_setaffinity(self.upstream_pid, cores.load)

    @contextmanager
    def start(self, contender: Contender) -> Iterator[Server]:
        """Start a server on its cores and wait until it is healthy, no more."""
        with servers.running(
            contender, upstream_port=self.upstream_port, cpus=self.cores.server
        ) as server:
            yield server

    @contextmanager
    def start_warm(self, contender: Contender) -> Iterator[Server]:
        """Start a server, check one of its answers, and let it serve until it is warm."""
        with self.start(contender) as server:
            self.check(server)
            self.put(server, Load(streams=8, answers=contender.warm_up_answers, tokens=200))
            yield server

    @contextmanager
    def start_all_warm(self, contenders: Sequence[Contender]) -> Iterator[list[Server]]:
        """Start contenders side by side, so that rounds can visit them in turn."""
        with ExitStack() as stack:
            ready = []
            for contender in contenders:
                progress(f"  start {contender.name}")
                try:
                    ready.append(stack.enter_context(self.start_warm(contender)))
                except (ServerFailed, WrongAnswer) as failure:
                    self.leave_out(failure)
            yield ready

    def leave_out(self, failure: ServerFailed | WrongAnswer) -> None:
        self.left_out.append(str(failure))
        progress(f"  LEFT OUT: {failure}")

    def put(self, server: Server, load: Load, *, delay_us: int = 0) -> Measurement:
        """Put the load on a server, with a model that waits ``delay_us`` between two tokens.

        Raises:
            ServerFailed: the server stopped.
        """
        protocol = server.contender.protocol
        server.require_running()
        try:
            return self.generator.run(
                load,
                port=server.port,
                path=CHAT_PATH,
                body=request_body(protocol, tokens=load.tokens, delay_us=delay_us),
                pid=server.pid,
                header=server.contender.header,
            )
        except OSError:  # /proc has nothing more about a process that is gone
            server.require_running()
            raise

    def wait_until_idle(self, server: Server) -> None:
        """Wait for a server that was overloaded to give up what nobody reads any more."""
        for _ in range(SETTLING_LOOKS):
            before_s = processes.cpu_s(server.pid)
            time.sleep(SETTLING_LOOK_S)
            if processes.cpu_s(server.pid) - before_s < SETTLING_LOOK_S / 10:
                return

    def put_directly(self, load: Load, *, delay_us: int) -> Measurement:
        """Put the load on the mock itself: the zero from which the servers' times are measured."""
        body = request_body("raw", tokens=load.tokens, delay_us=delay_us)
        return self.generator.run(load, port=self.upstream_port, path=UPSTREAM_PATH, body=body)

    def check(self, server: Server) -> None:
        """Check that an answer is exactly the model's text, in a whole stream of its protocol.

        Raises:
            WrongAnswer: it is not.
        """
        contender = server.contender
        answer = server.ask(request_body(contender.protocol, tokens=CHECKED_TOKENS))
        try:
            text = read_answer(contender.protocol, answer)
        except WrongAnswer as wrong:
            raise WrongAnswer(f"{contender.name}: {wrong}") from wrong
        if text != expected_text(CHECKED_TOKENS):
            raise WrongAnswer(f"{contender.name}: not the model's text: {text[:80]!r}")


def expected_text(tokens: int) -> str:
    """Return what the mock says without waiting; `native/answers.c` has the order of the words."""
    return "".join(f"~{WORDS[(i * 7 + i // 16) % 16]}" for i in range(tokens))


@contextmanager
def bench(plan: Plan, contenders: Sequence[Contender]) -> Iterator[Bench]:
    """Build what is needed and start the mock.

    Servers get one core; the mock, the load generator and this program share the other.

    Raises:
        CannotPrepare: a compiler or a second core is missing.
    """
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise preparing.CannotPrepare("Two cores are needed: one for the server, one for the load.")
    cores = Cores(server={available[0]}, load={available[1]})
    os.sched_setaffinity(0, cores.load)
    files = _allow_files()
    upstream, load = preparing.compile_programs()
    port = servers.free_port()
    process = subprocess.Popen([upstream, str(port)])
    try:
        _wait_until_listening(port)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            generator = LoadGenerator(load, Path(folder), upstream_pid=process.pid)
            yield Bench(plan, contenders, cores, available, port, process.pid, generator, files)
    finally:
        process.terminate()
        process.wait()
        os.sched_setaffinity(0, available)


def _allow_files() -> int:
    """Let this process and its children open many files; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files


def _wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 5
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def progress(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
