"""A page that was built, in a folder of the test's own, and an app that serves it."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from app.http.endpoint import HIDDEN, Endpoint
from app.http.errors import add_not_found
from app.http.lean import lean
from app.http.lifespan import Lifespan
from app.http.pages import Pages
from app.http.responses import JSONResponse
from tests.serving import served

SCRIPT = "index-1f2e3d.js"
# As files have that were built some time ago.
LONG_AGO = 1_700_000_000


class Got(msgspec.Struct, frozen=True):
    """A response. ``body`` is what came over the network, compressed or not."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Reader:
    """Asks for files, and decompresses nothing."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        """Ask for ``path``; ``accept_encoding`` is that header."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = {"accept-encoding": "identity", **sent}
        async with self._http.stream(method, path, headers=asked) as response:
            body = b"".join([piece async for piece in response.aiter_raw()])
            return Got(response.status_code, response.headers, body)


def write(folder: Path, name: str, content: bytes, *, at: float = LONG_AGO) -> Path:
    """Write a file of a build, and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at, at))
    return path


def build(folder: Path, text: str = "one", *, at: float = LONG_AGO) -> Path:
    """Write a page and its script, both compressed too; what is in them says how."""
    for name in ("index.html", f"assets/{SCRIPT}"):
        for ending, how in (("", "plain"), (".br", "brotli"), (".gz", "gzip")):
            write(folder, name + ending, f"{how} {name} {text}".encode(), at=at)
    return folder


@asynccontextmanager
async def reading(demo: Path, minimal: Path | None = None) -> AsyncIterator[Reader]:
    """Serve the pages of these folders, and give somebody who reads them."""
    app = app_of(Pages(demo, demo if minimal is None else minimal))
    async with served(app) as url, httpx2.AsyncClient(base_url=url, timeout=30) as client:
        yield Reader(client)


def app_of(pages: Pages) -> Starlette:
    """Return an app of pages alone; without one, an empty object is at ``/``."""

    async def home(request: Request) -> Response:
        return await pages.home(request) or JSONResponse({})

    endpoints = [
        Endpoint("/", "GET", home, HIDDEN, True),
        Endpoint("/", "HEAD", home, HIDDEN, True),
        *pages.endpoints(),
    ]
    app = lean(endpoints, Lifespan())
    add_not_found(app, {endpoint.respond for endpoint in endpoints})
    return app
