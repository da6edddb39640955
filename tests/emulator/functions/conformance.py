"""A function with everything that the conformance flows talk to, except the model."""

import secrets

from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import create_lean_app
from tests.conformance.parts_app import create_parts_app
from tests.conformance.tools import TOOLS

# Three processes are on the way of each event, and other tests run at the same time.
_PAUSE_S = 0.2


def create() -> ASGIApp:
    """Return the real app with the tools of the flows, plus turns that our models never make."""
    app = create_lean_app(tools=TOOLS)
    parts = create_parts_app(new_id=lambda: f"msg-{secrets.token_hex(8)}", pause_s=_PAUSE_S)

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        is_part = scope.get("path", "").startswith("/parts/")
        await (parts if is_part else app)(scope, receive, send)

    return both
