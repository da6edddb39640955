"""The servers that are compared: this project, what its users would pick instead, and limits."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.servers import Contender
from bench.wire import Protocol

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = HERE / "peers"

OURS_DATA = "Deltaline, data stream"
OURS_UI = "Deltaline, UI stream"
OURS_OPENAI = "Deltaline, data stream, CHAT_CLIENT=openai"
TYPED_STREAM = "FastAPI + AsyncOpenAI's typed stream"
AI_SDK_4 = "AI SDK 4 on Node"
BARE_LOOP = "lower bound: FastAPI, aiohttp, msgspec, one loop"
NGINX = "limit: nginx passing the model's bytes on"


def installed_version(peer: Path, package: str) -> str:
    """Return the version of an npm package in a peer's lock file."""
    lock = json.loads((peer / "package-lock.json").read_text())
    version: str = lock["packages"][f"node_modules/{package}"]["version"]
    return version


AI_SDK_LATEST_MAJOR = installed_version(PEERS / "ai_sdk_latest", "ai").split(".")[0]
AI_SDK_LATEST = f"AI SDK {AI_SDK_LATEST_MAJOR} on Node"

REFERENCES: Mapping[str, str] = {
    "AI SDK 4": AI_SDK_4,
    "typed": TYPED_STREAM,
    "nginx": NGINX,
}
"""The servers that every figure is compared with, by a short label."""

PICKED_INSTEAD = (TYPED_STREAM, AI_SDK_4, AI_SDK_LATEST)
"""The peers among which "the best peer" is found, without limits and lower bounds."""

OURS_ON_LAMBDA = "Deltaline on its Lambda runtime"
TYPED_ON_LAMBDA = "the typed stream on a minimal runtime loop"

NODE_WARM_UP_ANSWERS = 600


def _ours(name: str, protocol: Protocol, **env: str) -> Contender:
    serve = ("-m", "app", "serve", "--host", "127.0.0.1", "--port", "{port}")
    return Contender(
        name=name,
        command=(sys.executable, *serve),
        protocol=protocol,
        cwd=ROOT,
        env=env,
        imports_traced=name == OURS_DATA,
    )


def _uvicorn(name: str, module: str, *, imports_traced: bool = False) -> Contender:
    uvicorn = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}")
    quiet = ("--no-access-log", "--log-level", "warning", "--backlog", "4096")
    return Contender(
        name=name,
        command=(sys.executable, *uvicorn, *quiet, f"{module}:app"),
        protocol="data",
        cwd=PEERS,
        imports_traced=imports_traced,
    )


def _node(name: str, folder: str, protocol: Protocol) -> Contender:
    return Contender(
        name=name,
        command=("node", f"{folder}/server.mjs"),
        protocol=protocol,
        cwd=PEERS,
        warm_up_answers=NODE_WARM_UP_ANSWERS,
    )


def all_contenders() -> list[Contender]:
    return [
        _ours(OURS_DATA, "data"),
        _ours(OURS_UI, "ui"),
        _ours(OURS_OPENAI, "data", CHAT_CLIENT="openai"),
        _uvicorn(TYPED_STREAM, "typed_stream", imports_traced=True),
        _node(AI_SDK_4, "ai_sdk_4", "data"),
        _node(AI_SDK_LATEST, "ai_sdk_latest", "ui"),
        _uvicorn(BARE_LOOP, "bare_loop"),
        Contender(
            name=NGINX,
            command=("nginx", "-p", "{tmp}", "-c", "{tmp}/server.conf"),
            protocol="raw",
            cwd=HERE,
            config_template=PEERS / "nginx.conf.in",
        ),
    ]


def missing(contender: Contender) -> str | None:
    """Return why the contender cannot run on this machine, in one sentence; None if it can."""
    program = contender.command[0]
    if shutil.which(program) is None:
        return f"{program} is not installed."
    return None
