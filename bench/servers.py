"""Servers under test: start one, wait until it is healthy, send it requests, stop it."""

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import started_on
from bench.wire import Protocol

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 5.0
WARM_UP_ANSWERS = 100
CHAT_PATH = "/api/chat"
HEALTH_PATH = "/health"


@dataclass(frozen=True, slots=True)
class Contender:
    """A command under test: a chat server in front of the model in ``OPENAI_BASE_URL``.

    ``{port}``, ``{spare}`` (another free port), ``{upstream}`` (the mock's port) and ``{tmp}`` (a
    folder of its own) are replaced in the command, in the values of ``env`` and in the template of
    the configuration file, ``{tmp}/server.conf``.

    Attributes:
        warm_up_answers: the number of answers before the first measurement; a JIT needs many.
        imports_traced: whether the cold start section breaks down its imports (Python only).
        places: where it is measured: sections (``A``) and levels of sections (``A.16``); None:
            everywhere.
        header: a line that each request to it has besides, such as ``authorization: …``.
        beside: a program that it needs, which listens on ``{spare}``. It is not measured.
    """

    name: str
    command: tuple[str, ...]
    protocol: Protocol
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    config_template: Path | None = None
    warm_up_answers: int = WARM_UP_ANSWERS
    imports_traced: bool = False
    places: Collection[str] | None = None
    header: str = ""
    beside: tuple[str, ...] = ()

    def is_in(self, section: str, streams: int | None = None) -> bool:
        """Whether it is measured at this level of a section; without one: at any of them."""
        if self.places is None or section in self.places:
            return True
        if streams is None:
            return any(place.startswith(f"{section}.") for place in self.places)
        return f"{section}.{streams}" in self.places


class ServerFailed(Exception):
    """A server did not start or failed later; the message ends with its log."""


@dataclass(slots=True)
class Server:
    """A running contender."""

    contender: Contender
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    started_at: float
    """On the clock of `time.perf_counter`, just before the process was made."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def since_start_s(self) -> float:
        return time.perf_counter() - self.started_at

    def wait_until_healthy(self) -> None:
        while self.since_start_s() < START_TIMEOUT_S:
            self.require_running()
            try:
                with self._response("GET", HEALTH_PATH) as response:
                    if response.status == 200:
                        return
            except OSError:
                time.sleep(0.002)  # not listening yet
        raise self.failure(f"{HEALTH_PATH} does not answer 200 after {START_TIMEOUT_S:g} s")

    def ask(self, body: bytes) -> bytes:
        """Return the whole body of the response to one chat request."""
        try:
            with self._response("POST", CHAT_PATH, body) as response:
                content = response.read()
        except (OSError, http.client.HTTPException) as broken:
            self.require_running()
            raise self.failure(f"does not respond: {broken}") from broken
        if response.status != 200:
            raise self.failure(f"answers {response.status}: {content[:200]!r}")
        return content

    def ask_for_first_token(self, body: bytes) -> None:
        """Return as soon as the first token (``~``) of the answer arrives."""
        with self._response("POST", CHAT_PATH, body) as response:
            while piece := response.read1():
                if b"~" in piece:
                    return
        raise self.failure(f"answers {response.status} without a token")

    def stop(self) -> None:
        # The server leads its own process group, so the signal reaches nobody else.
        for stop_signal in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, stop_signal)
                self.process.wait(STOP_TIMEOUT_S)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def require_running(self) -> None:
        """Raise `ServerFailed` if the process is gone."""
        if self.process.poll() is not None:
            raise self.failure(f"stopped with status {self.process.returncode}")

    def failure(self, what: str) -> ServerFailed:
        tail = self.log.read_text(errors="replace")[-800:]
        return ServerFailed(f"{self.contender.name}: {what}\n{tail}")

    @contextmanager
    def _response(
        self, method: str, path: str, body: bytes | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"content-type": "application/json", "connection": "close"}
        if self.contender.header:
            name, _, value = self.contender.header.partition(": ")
            headers[name] = value
        try:
            connection.request(method, path, body, headers)
            yield connection.getresponse()
        finally:
            connection.close()


@contextmanager
def running(contender: Contender, *, upstream_port: int, cpus: Collection[int]) -> Iterator[Server]:
    """Start the contender on these cores, wait until it is healthy, and stop it at the end."""
    port = free_port()
    with started(contender, port=port, upstream_port=upstream_port, cpus=cpus) as server:
        server.wait_until_healthy()
        yield server


@contextmanager
def started(
    contender: Contender, *, port: int, upstream_port: int, cpus: Collection[int]
) -> Iterator[Server]:
    """Start the contender on these cores, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-") as tmp:
        values = {"port": port, "spare": free_port(), "upstream": upstream_port, "tmp": tmp}
        with _beside(contender, values):
            server = _start(contender, Path(tmp), values, cpus)
            try:
                yield server
            finally:
                server.stop()


@contextmanager
def _beside(contender: Contender, values: Mapping[str, object]) -> Iterator[None]:
    """Run the program that the contender needs, if any, not on its cores."""
    if not contender.beside:
        yield
        return
    command = [word.format_map(values) for word in contender.beside]
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        until = time.perf_counter() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(str(values["spare"])))).close()
                break
            except OSError:
                if program.poll() is not None or time.perf_counter() > until:
                    raise ServerFailed(f"{contender.name}: {command[0]} did not start") from None
                time.sleep(0.01)
        yield
    finally:
        program.kill()
        program.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _start(
    contender: Contender, tmp: Path, values: Mapping[str, object], cpus: Collection[int]
) -> Server:
    if contender.config_template is not None:
        template = contender.config_template.read_text()
        (tmp / "server.conf").write_text(template.format_map(values))
    log = tmp / "log"
    with started_on(cpus), log.open("wb") as output:
        started_at = time.perf_counter()
        process = subprocess.Popen(
            [word.format_map(values) for word in contender.command],
            cwd=contender.cwd,
            env=_environment(contender, values),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(contender, int(str(values["port"])), process, log, started_at)


def _environment(contender: Contender, values: Mapping[str, object]) -> dict[str, str]:
    # Leave out the caller's settings: a proxy or a CHAT_ variable would change the figures.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **inherited,
        "PORT": str(values["port"]),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{values['upstream']}/v1",
        "OPENAI_API_KEY": "sk-bench",
        **{name: value.format_map(values) for name, value in contender.env.items()},
    }
