"""What every section measures with: two cores, the mock of the model, the load generator."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import preparing, servers
from bench.load import Load, LoadGenerator, Measurement
from bench.servers import CHAT_PATH, Contender, Server, ServerFailed
from bench.wire import WrongAnswer, read_answer, request_body

UPSTREAM_PATH = "/v1/chat/completions"
CHECKED_TOKENS = 40
WORDS = (
    *("ability", "because", "channel", "deliver", "example", "forward", "general", "history"),
    *("improve", "journey", "kitchen", "library", "machine", "natural", "opinion", "pattern"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        rounds: each visits all servers in turn; figures are medians over the rounds.
        unpaced_streams: levels of concurrency with a model that never waits.
        unpaced_s: how long one measurement should take, in seconds.
        paced_streams: levels of concurrency with a token every 20 ms.
        paced_tokens: the length of a paced answer.
    """

    rounds: int
    paced_rounds: int
    cold_rounds: int
    unpaced_streams: Sequence[int]
    unpaced_s: float
    paced_streams: Sequence[int]
    paced_tokens: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What a section measures with.

    Attributes:
        left_out: why contenders were left out, one sentence each.
    """

    plan: Plan
    contenders: Sequence[Contender]
    server_cpu: int
    upstream_port: int
    generator: LoadGenerator
    left_out: list[str] = field(default_factory=list)

    @contextmanager
    def start(self, contender: Contender) -> Iterator[Server]:
        """Start a server on its core and wait until it is healthy, no more."""
        with servers.running(
            contender, upstream_port=self.upstream_port, cpu=self.server_cpu
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
    def start_all_warm(self) -> Iterator[list[Server]]:
        """Start all contenders, so that rounds can visit them in turn."""
        with ExitStack() as stack:
            ready = []
            for contender in self.contenders:
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
            )
        except OSError:  # /proc has nothing more about a process that is gone
            server.require_running()
            raise

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
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise preparing.CannotPrepare("Two cores are needed: one for the server, one for the load.")
    server_cpu, load_cpu = cores[:2]
    os.sched_setaffinity(0, {load_cpu})
    upstream, load = preparing.compile_programs()
    port = servers.free_port()
    process = subprocess.Popen([upstream, str(port)])
    try:
        _wait_until_listening(port)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            generator = LoadGenerator(load, Path(folder))
            yield Bench(plan, contenders, server_cpu, port, generator)
    finally:
        process.terminate()
        process.wait()
        os.sched_setaffinity(0, cores)


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
