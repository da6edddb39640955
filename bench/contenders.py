"""The servers that are compared: this project, what its users would pick instead, and limits."""

import json
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from bench.peers import issuer
from bench.servers import Contender
from bench.wire import Protocol

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = HERE / "peers"

OURS_DATA = "Deltaline, data stream"
OURS_UI = "Deltaline, UI stream"
OURS_AIOHTTP = "Deltaline, data stream, CHAT_CLIENT=aiohttp"
OURS_OPENAI = "Deltaline, data stream, CHAT_CLIENT=openai"
OURS_MEMORY = "Deltaline, data stream, CHAT_STORE=memory"
OURS_SQLITE = "Deltaline, data stream, CHAT_STORE=sqlite"
OURS_REDIS = "Deltaline, data stream, CHAT_STORE=redis"
OURS_JWT = "Deltaline, data stream, a JSON Web Token"
TYPED_STREAM = "FastAPI + AsyncOpenAI's typed stream"
AI_SDK_4 = "AI SDK 4 on Node"
BARE_LOOP = "lower bound: FastAPI, aiohttp, msgspec, one loop"
FLOOR_ASGI = "floor: httptools under uvicorn and Starlette"
FLOOR_PUSH = "floor: httptools on both sides, no task"
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

# What a setting or a part costs shows at one level of A and one of B.
COST = ("A.16", "B.60")
# More turns at once than 1000, the default: there is a level of 2,000 streams.
MANY_TURNS = {"CHAT_RUNNING_TURNS": "4000"}

PICKED_INSTEAD = (TYPED_STREAM, AI_SDK_4, AI_SDK_LATEST)
"""The peers among which "the best peer" is found, without limits and lower bounds."""

OURS_ON_LAMBDA = "Deltaline on its Lambda runtime"
TYPED_ON_LAMBDA = "the typed stream on a minimal runtime loop"

OURS_ALONE, OURS_BOTH = "Deltaline, one worker", "Deltaline, two workers"
TYPED_ALONE, TYPED_BOTH = f"{TYPED_STREAM}, one worker", f"{TYPED_STREAM}, two workers"

NODE_WARM_UP_ANSWERS = 600


def ours(
    name: str,
    protocol: Protocol,
    places: Collection[str] | None = COST,
    *,
    beside: tuple[str, ...] = (),
    header: str = "",
    **settings: str,
) -> Contender:
    """Return our server with these settings, where it is measured (`Contender.places`)."""
    return Contender(
        name=name,
        command=(sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", "{port}"),
        protocol=protocol,
        cwd=ROOT,
        env={**MANY_TURNS, **settings},
        imports_traced=name == OURS_DATA,
        places=places,
        header=header,
        beside=beside,
    )


def under_uvicorn(
    name: str,
    module: str,
    places: Collection[str] | None = None,
    *,
    options: Collection[str] = (),
    imports_traced: bool = False,
) -> Contender:
    """Return a peer that is the ASGI app of a Python module."""
    uvicorn = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", *options)
    quiet = ("--no-access-log", "--log-level", "warning", "--backlog", "4096")
    return Contender(
        name=name,
        command=(sys.executable, *uvicorn, *quiet, f"{module}:app"),
        protocol="data",
        cwd=PEERS,
        imports_traced=imports_traced,
        places=places,
    )


def _node(
    name: str, folder: str, protocol: Protocol, places: Collection[str] | None = None
) -> Contender:
    return Contender(
        name=name,
        command=("node", f"{folder}/server.mjs"),
        protocol=protocol,
        cwd=PEERS,
        warm_up_answers=NODE_WARM_UP_ANSWERS,
        places=places,
    )


def all_contenders() -> list[Contender]:
    return [
        ours(OURS_DATA, "data", None),
        ours(OURS_UI, "ui", ("A", "B.60", "C", "D")),
        ours(OURS_AIOHTTP, "data", (*COST, "B.500", "D"), CHAT_CLIENT="aiohttp"),
        ours(OURS_OPENAI, "data", (*COST, "D"), CHAT_CLIENT="openai"),
        ours(OURS_MEMORY, "data", CHAT_STORE="memory"),
        ours(OURS_SQLITE, "data", CHAT_STORE="sqlite:{tmp}/chats.db"),
        ours(
            OURS_REDIS,
            "data",
            beside=("redis-server", "--port", "{spare}", "--save", "", "--dir", "{tmp}"),
            CHAT_STORE="redis://127.0.0.1:{spare}",
        ),
        ours(
            OURS_JWT,
            "data",
            beside=(sys.executable, str(PEERS / "issuer.py"), "{spare}"),
            header=f"authorization: Bearer {issuer.token()}",
            CHAT_JWT_ISSUER=issuer.ISSUER,
            CHAT_JWT_AUDIENCE=issuer.AUDIENCE,
            CHAT_JWT_JWKS_URL="http://127.0.0.1:{spare}/keys",
        ),
        under_uvicorn(TYPED_STREAM, "typed_stream", imports_traced=True),
        _node(AI_SDK_4, "ai_sdk_4", "data"),
        _node(AI_SDK_LATEST, "ai_sdk_latest", "ui", (*COST, "B.500", "D")),
        under_uvicorn(BARE_LOOP, "bare_loop", ("A.16", "D")),
        under_uvicorn(FLOOR_ASGI, "floor_asgi", ("A", "B")),
        Contender(
            name=FLOOR_PUSH,
            command=(sys.executable, "floor_push.py", "{port}"),
            protocol="data",
            cwd=PEERS,
            places=("A", "B"),
        ),
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
    for program in (contender.command[0], *contender.beside[:1]):
        if shutil.which(program) is None:
            return f"{program} is not installed."
    return None
