"""A function with everything that the conformance flows talk to, except the model."""

import os
import secrets

import aiohttp
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import create_lean_app
from tests.conformance.parts_app import create_parts_app
from tests.conformance.tools import tools

# Three processes are on the way of each event, and other tests run at the same time.
_PAUSE_S = 0.2


async def _pause(seconds: float) -> None:
    """Pause as long as the client needs; it is known to the model's side."""
    address = f"{os.environ['MODEL_SIDE']}/model/pause"
    async with (
        aiohttp.ClientSession() as session,
        session.get(address, params={"seconds": seconds}) as response,
    ):
        await response.read()


def create() -> ASGIApp:
    """Return the real app with the tools of the flows, plus turns that our models never make."""
    app = create_lean_app(tools=tools(_pause))
    parts = create_parts_app(
        new_id=lambda: f"msg-{secrets.token_hex(8)}", pause_s=_PAUSE_S, pause=_pause
    )

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        is_part = scope.get("path", "").startswith("/parts/")
        await (parts if is_part else app)(scope, receive, send)

    return both
