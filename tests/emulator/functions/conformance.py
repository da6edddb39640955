"""A function that holds all that the conformance flows talk to, but the model."""

import os
import secrets

import aiohttp
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import create_lean_app
from tests.conformance.parts_app import create_parts_app
from tests.conformance.tools import tools

# There are three processes on the way, and others of their kind beside them.
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
    """Return the real app with the flows' tools, and the turns that no model of ours can make."""
    app = create_lean_app(tools=tools(_pause))
    parts = create_parts_app(
        new_id=lambda: f"msg-{secrets.token_hex(8)}", pause_s=_PAUSE_S, pause=_pause
    )

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        is_part = scope.get("path", "").startswith("/parts/")
        await (parts if is_part else app)(scope, receive, send)

    return both
