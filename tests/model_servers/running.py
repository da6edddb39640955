"""Starts the real model servers: llama.cpp's own, and LiteLLM's proxy in front of it.

Each lives in a virtual environment of its own, which `make model-servers-test` sets up.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
KEY = "sk-a-key-of-the-tests"

_VENVS = ROOT / ".cache" / "model-servers"
# LiteLLM imports for a quarter of a minute, on a busy machine for several.
_START_TIMEOUT_S = 300


@dataclass(frozen=True)
class Side:
    """One model behind one server, as our settings name it."""

    name: str
    base_url: str
    model: str


@dataclass(frozen=True)
class Servers:
    """What runs.

    Attributes:
        llama: llama.cpp's own server.
        proxied: the same behind LiteLLM, which passes both APIs on.
        bridged: the same behind LiteLLM, which makes Responses of its chat completions, as it does
            for every provider that has no Responses API.
        scripted: our scripted model behind LiteLLM.
    """

    llama: Side
    proxied: Side
    bridged: Side
    scripted: Side

    @property
    def llama_root(self) -> str:
        return self.llama.base_url.removesuffix("/v1")


@contextmanager
def running(folder: Path) -> Iterator[Servers]:
    """Start the servers, with what they need in ``folder``; skip the test if they are not there."""
    for name in ("llama-cpp", "litellm"):
        if not (_VENVS / name / ".ready").exists():
            pytest.skip(f"{name} is not installed: make model-servers-test")
    llama_port, scripted_port, proxy_port = free_port(), free_port(), free_port()
    llama_url, scripted_url, proxy_url = (
        f"http://127.0.0.1:{port}/v1" for port in (llama_port, scripted_port, proxy_port)
    )
    model, config = folder / "tiny.gguf", folder / "litellm.json"
    python = str(_VENVS / "llama-cpp" / "bin" / "python")
    make_model = [python, "-m", "tests.model_servers.tiny_model", str(model)]
    subprocess.run(make_model, cwd=ROOT, check=True)
    config.write_text(json.dumps(_litellm_config(llama_url, scripted_url)))
    with ExitStack() as stack:
        serve = [python, "-m", "tests.model_servers.llama_server", str(model), str(llama_port)]
        script = [sys.executable, "-m", "app.scripted_model", "--port", str(scripted_port)]
        litellm = str(_VENVS / "litellm" / "bin" / "litellm")
        # No look at the network for prices.
        variables = {"LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        proxy = [litellm, "--config", str(config), "--host", "127.0.0.1", "--port", str(proxy_port)]
        started = [
            stack.enter_context(_program(folder / "llama.log", serve)),
            stack.enter_context(_program(folder / "scripted.log", [*script, "--delay", "0"])),
            stack.enter_context(_program(folder / "litellm.log", proxy, variables)),
        ]
        _wait_for(started, f"{llama_url.removesuffix('/v1')}/health")
        _wait_for(started, f"{proxy_url.removesuffix('/v1')}/health/liveliness")
        yield Servers(
            Side("llama-cpp", llama_url, "tiny"),
            Side("litellm", proxy_url, "proxied"),
            Side("litellm-bridge", proxy_url, "bridged"),
            Side("litellm-scripted", proxy_url, "scripted"),
        )


def _litellm_config(llama_url: str, scripted_url: str) -> Mapping[str, object]:
    behind = {
        "proxied": {"model": "openai/tiny", "api_base": llama_url},
        "bridged": {"model": "lm_studio/tiny", "api_base": llama_url},
        "scripted": {"model": "openai/gpt-4o-mini", "api_base": scripted_url},
    }
    models = [
        {"model_name": name, "litellm_params": {**params, "api_key": "none"}}
        for name, params in behind.items()
    ]
    # It would ask again by itself, and after some failures not at all for a while.
    router = {"num_retries": 0, "disable_cooldowns": True}
    return {"model_list": models, "router_settings": router}


@contextmanager
def _program(
    log: Path, command: Sequence[str], variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, **(variables or {}), "NO_PROXY": "127.0.0.1"}
    with log.open("wb") as output:
        program = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield program
        finally:
            program.kill()
            program.wait()


def _wait_for(programs: Sequence[subprocess.Popen[bytes]], url: str) -> None:
    last = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            if httpx2.get(url, timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        assert all(program.poll() is None for program in programs), "a server has ended"
        assert time.monotonic() < last, f"{url} does not answer"
        time.sleep(0.2)
