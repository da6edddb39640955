"""A container engine and base images made here, for machines that can pull no image.

A test machine has package registries and no image registry. So Debian's docker runs with a data
folder of its own, the base image is what debootstrap makes of Debian (Python and a CA bundle
included), and the adapter's image is the binary that cargo built. Needs Debian and root.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.aws.build_adapter import VERSION, find_adapter
from tests.container.docker import ROOT, Docker, DockerError

BASE = "stand-in/python:3.13-trixie"
ADAPTER_IMAGE = f"stand-in/lambda-adapter:{VERSION}"
_NODE = "stand-in/node:22-trixie"
BUILD_ARGUMENTS = {"BASE_IMAGE": BASE, "ADAPTER_IMAGE": ADAPTER_IMAGE}

_CACHE = ROOT / ".cache" / "container"
_CA_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_LEFT_OUT = ("usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "var/cache/apt/*",
             "var/lib/apt/lists/*", "var/log/*", "dev/*",
             # Official images of Python hold none of the standard library.
             "*/__pycache__")  # fmt: skip
# Another client may come first on the path; only Debian's does what its daemon can.
_CLIENT = "/usr/bin/docker"
_NEEDED = {
    _CLIENT: "docker.io",
    "/usr/sbin/dockerd": "docker.io",
    "/usr/sbin/iptables": "iptables",
    "/usr/sbin/debootstrap": "debootstrap",
}
_START_TIMEOUT_S = 60
_STOP_TIMEOUT_S = 30


@contextlib.contextmanager
def engine() -> Iterator[Docker]:
    """Run a docker daemon that holds both stand-ins; what it has built is kept for the next run."""
    _install()
    with _daemon() as docker:
        _import_base(docker)
        _import_adapter(docker)
        yield docker


def _install() -> None:
    missing = sorted({package for path, package in _NEEDED.items() if not Path(path).exists()})
    if not missing:
        return
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "--option", "DPkg::Lock::Timeout=120"]
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        subprocess.run([*apt, *words], env=environ, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def _daemon() -> Iterator[Docker]:
    data = _CACHE / "docker"
    data.mkdir(parents=True, exist_ok=True)
    # A socket's path is short, and the daemon's state ends with it.
    with tempfile.TemporaryDirectory(prefix="deltaline-docker-") as name:
        folder = Path(name)
        address = f"unix://{folder}/docker.sock"
        command = [
            "/usr/sbin/dockerd", "--data-root", str(data), "--exec-root", str(folder / "exec"),
            "--host", address, "--pidfile", str(folder / "docker.pid"),
        ]  # fmt: skip
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            docker = Docker(_CLIENT, {"DOCKER_HOST": address})
            _wait_until_up(docker, process, folder / "log")
            yield docker
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait_until_up(docker: Docker, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            docker.run("info")
            return
        except DockerError as error:
            if process.poll() is not None or time.monotonic() > until:
                raise DockerError(f"dockerd did not start: {log.read_text()[-4000:]}") from error
            time.sleep(0.1)


def _import_base(docker: Docker) -> None:
    archive = _CACHE / "base-trixie-without-byte-code.tar"
    if not archive.exists():
        _make_base(archive)
    certificates = f"SSL_CERT_FILE=/{_CA_BUNDLE} PIP_CERT=/{_CA_BUNDLE}"
    path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    with archive.open("rb") as content:
        docker.run("import", "--change", f"ENV {certificates} {path}", "-", BASE, stdin=content)


def _make_base(archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="deltaline-base-") as name:
        root = Path(name) / "root"
        include = "--include=ca-certificates,python3,python3-venv"
        done = subprocess.run(
            ["/usr/sbin/debootstrap", "--variant=minbase", include, "trixie", str(root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            raise DockerError(f"debootstrap failed: {done.stdout.decode()[-4000:]}")
        for link in ("python", "python3"):
            (root / "usr/local/bin" / link).symlink_to("../../bin/python3")
        # Whoever is trusted here is trusted by the build: a test machine may sit behind a proxy.
        shutil.copyfile(f"/{_CA_BUNDLE}", root / _CA_BUNDLE)
        left_out = [f"--exclude=./{pattern}" for pattern in _LEFT_OUT]
        unfinished = archive.with_suffix(".part")
        subprocess.run(
            ["tar", "--directory", str(root), "--numeric-owner", *left_out,
             "--create", "--file", str(unfinished), "."],
            check=True,
        )  # fmt: skip
        unfinished.rename(archive)


def _import_adapter(docker: Docker) -> None:
    adapter = find_adapter()
    if adapter is None:
        raise DockerError("the Lambda Web Adapter is not built: make adapter")
    command = ["tar", "--directory", str(adapter.parent), "--create", adapter.name]
    with tempfile.TemporaryFile() as archive:
        subprocess.run(command, stdout=archive, check=True)
        archive.seek(0)
        docker.run("import", "-", ADAPTER_IMAGE, stdin=archive)


def node_image(docker: Docker) -> str:
    """Make an image with the node and the npm of this machine; return its tag.

    Raises:
        DockerError: there is no node here.
    """
    node = shutil.which("node")
    if node is None:
        raise DockerError("node is not installed")
    program = Path(node).resolve()
    registry = subprocess.run(
        ["npm", "config", "get", "registry"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(program, folder / "node")
        shutil.copytree(program.parents[1] / "lib/node_modules/npm", folder / "npm", symlinks=True)
        (folder / "Dockerfile").write_text(
            f"FROM {BASE}\n"
            "COPY node /usr/local/bin/node\n"
            "COPY npm /usr/local/lib/node_modules/npm\n"
            "RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm\n"
            f"ENV NODE_EXTRA_CA_CERTS=/{_CA_BUNDLE} npm_config_registry={registry}\n"
        )
        docker.run("build", "--tag", _NODE, name)
    return _NODE
