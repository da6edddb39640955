"""A clone with code of its user's own: `examples/my_app`, copied to `my_app/` beside `app/`."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2

from tests.chatting import data_body

ROOT = Path(__file__).parents[1]
_SHIPPED = (
    *("app", "examples", "infra", "bootstrap", "LICENSE", "Makefile", "pyproject.toml"),
    *("Dockerfile.streaming", ".dockerignore", "requirements.lock", "requirements-lean.lock"),
    "requirements-dev.lock",
)
_PATIENCE_S = 60
_KEY = "a-key-of-ada"
ADA = {"authorization": f"Bearer {_KEY}"}
# What the example needs, and what makes our servers serve it.
SETTINGS = {
    "CHAT_APP": "my_app:create",
    "CHAT_PROVIDER": "scripted",
    "MY_APP_KEYS": f"ada={hashlib.sha256(_KEY.encode()).hexdigest()}",
}
# The scripted model calls the tool of this text.
QUESTION = """scenario: call tool=find_order arguments='{"number": 7}'"""
STATE = "sent a day ago"


def make_clone(folder: Path) -> Path:
    """Copy what a clone has, and begin its `my_app/` with the example; returns the clone."""
    clone = folder / "clone"
    clone.mkdir()
    for name in _SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, clone / name)
    # This checkout may have code of its own too, which is not what is tested.
    (clone / "my_app").mkdir()
    shutil.copy2(ROOT / "my_app" / "README.md", clone / "my_app")
    own = ROOT / "examples" / "my_app"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(own, clone / "my_app", dirs_exist_ok=True, ignore=ignored)
    return clone


def install_packages(clone: Path, folder: Path) -> Path:
    """Install what the lock file of the clone's own code names, as `make run` does in .venv."""
    packages = folder / "packages"
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"]
    command += ["--target", str(packages), "--requirements", "my_app/requirements.lock"]
    subprocess.run(command, cwd=clone, check=True)
    return packages


def environment(packages: Path, **variables: str) -> dict[str, str]:
    """Return what a process in the clone is started with."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return {**kept, "PYTHONPATH": str(packages), **SETTINGS, **variables}


async def call_everything(url: str) -> None:
    """Call the example's route, its way to find out who asks, and its tool through the chat."""
    async with httpx2.AsyncClient(base_url=url, timeout=_PATIENCE_S) as http:
        strange = [
            await http.get("/orders/7"),
            await http.post("/api/chat", json=data_body(QUESTION)),
        ]
        order = await http.get("/orders/7", headers=ADA)
        answer = await http.post("/api/chat", json=data_body(QUESTION), headers=ADA)

    assert [response.status_code for response in strange] == [401, 401]
    assert order.json() == {"number": "7", "state": STATE}
    assert "Looking for order 7" in answer.text
    assert STATE in answer.text
    assert '\nd:{"finishReason":"stop"' in answer.text
