"""AWS's own emulator of Lambda, from the wheel that brings it."""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx2

from tests.ports import free_port

_CACHE = Path(__file__).parent.parent / ".cache" / "aws-sam-cli"
_START_S = 60.0


def rie() -> Path:
    """Return the emulator; downloaded once a checkout."""
    name = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}
    binary = _CACHE / "samcli" / "local" / "rapid" / name[platform.machine()]
    if not binary.exists():
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
        assert uv is not None, "uv is missing"
        _CACHE.parent.mkdir(exist_ok=True)
        # Whole or not at all: other processes run other tests.
        made = tempfile.mkdtemp(dir=_CACHE.parent)
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--target", made]
        subprocess.run([*command, "aws-sam-cli"], check=True, timeout=90)
        try:
            os.rename(made, _CACHE)
        except OSError:
            shutil.rmtree(made)  # another one was first
    binary.chmod(0o755)
    return binary


@contextlib.contextmanager
def under_rie(
    command: Sequence[str], environ: Mapping[str, str], folder: Path
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run ``command`` as the runtime under it; gives the address for invocations.

    Args:
        environ: all variables of the runtime.
        folder: where it is started.
    """
    front, inner = free_port(), free_port()
    process = subprocess.Popen(
        [
            str(rie()),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{front}"),
            *("--runtime-api-address", f"127.0.0.1:{inner}"),
            *("--log-level", "error"),
            *command,
        ],
        env=dict(environ),
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{front}/2015-03-31/functions/function/invocations", process
    finally:
        process.terminate()
        process.wait()


def invoked(url: str, event: object) -> httpx2.Response:
    """Invoke the function at ``url``, as soon as it is there."""
    until = time.monotonic() + _START_S
    while True:
        try:
            return httpx2.post(url, json=event, timeout=_START_S)
        except (httpx2.ConnectError, httpx2.RemoteProtocolError, httpx2.ReadError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
