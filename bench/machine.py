"""The machine and the versions of a run: figures of others are not comparable."""

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from bench.contenders import PEERS, ROOT, installed_version

PYTHON_PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "aiohttp", "msgspec", "openai")


def versions() -> str:
    """Return the versions of everything measured, in a sentence."""
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{package} {metadata.version(package)}" for package in PYTHON_PACKAGES]
    if node := _output("node", "--version"):
        versions.append(f"Node {node.removeprefix('v')}")
    versions += [
        f"ai {installed_version(PEERS / peer, 'ai')}" for peer in ("ai_sdk_4", "ai_sdk_latest")
    ]
    if nginx := _output("nginx", "-v"):
        versions.append(nginx.removeprefix("nginx version: "))
    return f"{', '.join(versions)}."


def machine() -> str:
    """Return the machine, the commit and how busy the machine is, in a sentence."""
    commit = _output("git", "-C", str(ROOT), "describe", "--always", "--dirty") or "unknown"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; "
        f"commit {commit}; load before the run {load():.2f}."
    )


def load() -> float:
    """Return how many programs wanted to run in the last minute, on average."""
    return os.getloadavg()[0]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _output(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()
