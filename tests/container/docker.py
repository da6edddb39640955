"""Docker, or podman where there is no docker, as the tests use it."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
# The image promises to run like this.
HARDENED = (
    "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "512m",
)  # fmt: skip
_PUBLISHED = ("--publish", "127.0.0.1::8080")
_TIMEOUT_S = 60
_BUILD_TIMEOUT_S = 600
_START_TIMEOUT_S = 30


class DockerError(Exception):
    """A command of the container engine failed; the text is what it said."""


class Docker:
    """One container engine.

    Args:
        program: its client.
        environ: further variables for the client, such as where the daemon listens.
    """

    def __init__(self, program: str, environ: Mapping[str, str] | None = None) -> None:
        self._program = program
        self._environ = {**os.environ, **(environ or {})}

    def run(
        self, *arguments: str, stdin: IO[bytes] | None = None, timeout_s: float = _TIMEOUT_S
    ) -> str:
        """Run one command and return what it printed, errors included.

        Raises:
            DockerError
        """
        done = subprocess.run(
            [self._program, *arguments],
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environ,
            timeout=timeout_s,
            check=False,
        )
        printed = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            raise DockerError(f"{self._program} {' '.join(arguments)}:\n{printed[-4000:]}")
        return printed

    def build(self, tag: str, target: str, arguments: Mapping[str, str], context: Path) -> str:
        """Build a target of the Dockerfile as `make image` does; return what the builder printed.

        Raises:
            DockerError
        """
        overrides = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        done = subprocess.run(
            [
                sys.executable, "-m", "infra.build_image", "--docker", self._program,
                "--target", target, "--tag", tag, "--context", str(context),
                "--dockerfile", os.environ.get("IMAGE_DOCKERFILE", ROOT / "Dockerfile.streaming"),
                *overrides,
            ],
            cwd=ROOT, env=self._environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=_BUILD_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise DockerError(f"{target} {overrides}:\n{done.stdout[-4000:]}")
        return done.stdout

    def size_mb(self, tag: str) -> float:
        """Return the size of an image, in millions of bytes."""
        return float(self.run("image", "inspect", "--format", "{{.Size}}", tag)) / 1e6

    def layers(self, tag: str) -> list[str]:
        """Return the digests of an image's layers, from the base up."""
        said = self.run("image", "inspect", "--format", "{{json .RootFS.Layers}}", tag)
        digests: list[str] = json.loads(said)
        return digests

    def config(self, tag: str) -> dict[str, Any]:
        """Return what an image says of how it is run."""
        said = self.run("image", "inspect", "--format", "{{json .Config}}", tag)
        config: dict[str, Any] = json.loads(said)
        return config

    @contextlib.contextmanager
    def container(
        self,
        tag: str,
        *command: str,
        options: Sequence[str] = (),
        beside: str = "",
        **variables: str,
    ) -> Iterator["Container"]:
        """Run an image hardened, with its port 8080 on a free one of this machine.

        Args:
            command: what follows the image on the command line.
            beside: identifier of a container whose network it shares, with its ports.
        """
        settings = [f"--env={name}={value}" for name, value in variables.items()]
        network = ("--network", f"container:{beside}") if beside else _PUBLISHED
        identifier = self.run(
            "run", "--detach", *network, *HARDENED, *settings, *options, tag, *command
        ).strip()
        try:
            yield Container(self, identifier)
        finally:
            self.run("rm", "--force", identifier)


class Container:
    """A container that was started. ``identifier``: the engine's."""

    def __init__(self, docker: Docker, identifier: str) -> None:
        self._docker = docker
        self.identifier = identifier

    @property
    def url(self) -> str:
        address = self._docker.run("port", self.identifier, "8080/tcp").splitlines()[0]
        return f"http://{address}"

    @property
    def log(self) -> str:
        return self._docker.run("logs", self.identifier)

    def execute(self, *command: str) -> str:
        """Run a command in it and return what it printed."""
        return self._docker.run("exec", self.identifier, *command)

    def stop(self) -> int:
        """Stop it as any engine does, and return its exit status."""
        self._docker.run("stop", self.identifier)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended by itself, and return its exit status."""
        return int(self._docker.run("wait", self.identifier))

    def health_within(self, timeout_s: float) -> str:
        """Return what the engine's own checks say, as soon as they say something."""
        until = time.monotonic() + timeout_s
        status = "starting"
        while status == "starting" and time.monotonic() < until:
            status = self._docker.run(
                "inspect", "--format", "{{.State.Health.Status}}", self.identifier
            ).strip()
        return status

    def wait_until_healthy(self) -> None:
        """Wait until its own health check succeeds."""
        until = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                self.execute("python", "-m", "app.commands.container", "health")
                return
            except DockerError as error:
                if time.monotonic() > until:
                    raise AssertionError(f"it did not start: {self.log}") from error


def installed() -> Docker:
    """Return the engine that this machine has.

    Raises:
        DockerError: there is none, or nobody listens to it.
    """
    program = shutil.which("docker") or shutil.which("podman")
    if program is None:
        raise DockerError("neither docker nor podman is installed")
    docker = Docker(program)
    docker.run("info")
    return docker
