"""How a turn's frames become an HTTP response.

Server-sent events go out through sse-starlette, all else through Starlette's own response. Frames
are ready-made bytes with their keep-alives in them, so neither adds any.
"""

from collections.abc import Mapping
from typing import Any

import anyio
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.live_turn import LiveTurn
from app.outbox import Outbox
from app.protocols import Encoder
from app.protocols.json_text import dumps

# What every streaming answer carries, so that no proxy holds it back.
STREAM_HEADERS: Mapping[str, str] = {"cache-control": "no-cache", "x-accel-buffering": "no"}

# ASGI extension of our Lambda runtime: a dictionary that a failed turn writes its error into.
OUTCOME = "deltaline.outcome"

# sse-starlette starts to count up to half a second before the server does, and cuts the stream.
_SSE_PATIENCE_S = 2.0


class TurnResponse(Response):
    """Streams a running turn. When the response ends, for whatever reason, so does the turn.

    Args:
        turn: already opened, or answered anyway.
        outbox: where the turn's frames come from.
        encoder: the turn's; says the media type and headers.
        headers: added to those of the protocol.
        shutdown_grace_s: how long a stream may go on when the server is told to stop, in seconds.
    """

    def __init__(
        self,
        turn: LiveTurn,
        outbox: Outbox,
        encoder: Encoder,
        *,
        headers: Mapping[str, str],
        shutdown_grace_s: float,
    ) -> None:
        self.status_code = 200
        self.background = None
        self._turn = turn
        self._outbox = outbox
        self._media_type = encoder.media_type
        self._all_headers = {**STREAM_HEADERS, **encoder.headers, **headers}
        self._shutdown_grace_s = shutdown_grace_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; tell our Lambda runtime if the turn failed."""
        outcome: dict[str, Any] | None = scope.get("extensions", {}).get(OUTCOME)
        try:
            await self._inner(is_uvicorn=outcome is None)(scope, receive, send)
        finally:
            await self._turn.leave()
            self._outbox.close()
            if outcome is not None and self._turn.error is not None:
                outcome["error_code"] = self._turn.error.code
                outcome["error_message"] = self._turn.error.message

    def _inner(self, *, is_uvicorn: bool) -> Response:
        if not (is_uvicorn and self._media_type == "text/event-stream"):
            return StreamingResponse(
                self._outbox, headers=self._all_headers, media_type=self._media_type
            )
        # Imported here: it patches uvicorn, and neither our Lambda runtime nor a data stream
        # has any use for it.
        from sse_starlette import EventSourceResponse

        return EventSourceResponse(
            self._outbox,
            headers=self._all_headers,
            sep="\n",
            ping=0,
            # Without these it would cut the stream at once when the server is told to stop; with
            # them the turn has time to end it properly (see `app.serve`).
            shutdown_event=anyio.Event(),
            shutdown_grace_period=self._shutdown_grace_s + _SSE_PATIENCE_S,
        )


class JSONAnswer(Response):
    """A JSON body made by the same encoder as everything else (lone surrogates, NaN)."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return dumps(content)


def failure(
    message: str, status: int, headers: Mapping[str, str] | None = None, /, **more: Any
) -> JSONAnswer:
    """Return an error before the first byte: ``{"success": false, "error": message}``."""
    body = {"success": False, "error": message, **more}
    return JSONAnswer(body, status_code=status, headers=dict(headers or {}))
