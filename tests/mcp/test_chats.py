"""Chats of the real AI SDK clients 4 and 7 with tools of real MCP servers.

The flows are `mcp-…` in `tests/conformance/modern/mcp.mjs` and `legacy/mcp.mjs`.
"""

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from app.main import create_app
from app.scripted_model.control import Control
from app.scripted_model.serving import serve_scripted
from app.settings import Settings
from tests.conformance.running import IS_INSTALLED, OK, Job, run_jobs
from tests.conformance.site import watching
from tests.mcp import real
from tests.serving import served

FLOWS = ("progress", "image", "error", "stop", "killed", "list-changed", "approval")

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (IS_INSTALLED and real.IS_INSTALLED), reason=real.NOT_INSTALLED),
]


@contextlib.asynccontextmanager
async def site(folder: Path) -> AsyncIterator[str]:
    """Serve the app with three servers, what the flows ask of them, and the model's side."""
    control = Control(keep=1000)
    async with serve_scripted(control, delay_s=0.002) as model:
        settings = Settings(openai_base_url=model, max_steps=3)
        servers = [real.everything(), real.filesystem(folder), real.growing_npm()]
        app = create_app(settings, tools=servers)

        async def kill(_: Request) -> JSONResponse:
            for pid in real.programs("server-everything"):
                os.kill(pid, signal.SIGKILL)
            return JSONResponse({})

        async def has(request: Request) -> JSONResponse:
            tools = app.state.tools
            await real.until(lambda: request.query_params["tool"] in tools.of(""))
            return JSONResponse({})

        async def content(_: Request) -> JSONResponse:
            return JSONResponse({"folder": str(folder), "files": sorted(os.listdir(folder))})

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with app.router.lifespan_context(app):
                yield

        routes = [Route("/mcp/kill", kill), Route("/mcp/has", has), Route("/mcp/folder", content)]
        whole = Starlette(
            routes=[*routes, *watching(control).routes, Mount("/", app)],
            lifespan=lifespan,
        )
        async with served(whole) as url:
            await real.until(lambda: len(app.state.tools.of("")) > 20)
            yield url


@pytest.mark.parametrize("client", ["4", "7"])
async def test_the_real_clients_chat_with_tools_of_real_servers(
    client: str, tmp_path: Path
) -> None:
    async with site(tmp_path) as url:
        outcomes = {}
        for flow in FLOWS:  # one after the other: one of them kills a server
            ran = await run_jobs([Job(client, f"mcp-{flow}", url, url)])
            outcomes[flow] = ran.unhandled or ran.outcomes[0]

    assert outcomes == dict.fromkeys(FLOWS, OK)
