"""What browsers may do from the pages of other origins."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

from app.requests.sites import LOCAL_ORIGIN

# What a page may send to us, and read from us.
ALLOWED_HEADERS = (
    "content-type",
    "authorization",
    "user-agent",
    "x-chat-token",
    "x-amz-content-sha256",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "mcp-method",
    "mcp-name",
)
EXPOSED_HEADERS = (
    "x-vercel-ai-data-stream",
    "x-vercel-ai-ui-message-stream",
    "x-request-id",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-chat-turn-id",
    "x-workflow-run-id",
    "x-workflow-stream-tail-index",
    "mcp-session-id",
)


def add_cors(app: Starlette, origins: Sequence[str], *, is_local_allowed: bool) -> None:
    """Let pages of these origins call ``app``.

    Args:
        origins: such as ``https://example.com``; ``*`` for any.
        is_local_allowed: whether pages of this machine may, from any port.
    """
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_origin_regex=LOCAL_ORIGIN if is_local_allowed else None,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=600,
    )
