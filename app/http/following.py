"""The responses to those who follow a turn that another request has asked for."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.errors import InvalidOption
from app.http.responses import STREAM_HEADERS
from app.protocols.negotiation import Dialect, encoder_for
from app.store.store import TurnHead
from app.turns.follower import Follower
from app.turns.kept_turns import KeptTurns
from app.turns.stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import Callable

TURN_ID = "x-chat-turn-id"
# What `WorkflowChatTransport` of @ai-sdk/workflow reads: the same id, and the last chunk's number.
RUN_ID = "x-workflow-run-id"
TAIL_INDEX = "x-workflow-stream-tail-index"

# How long a reader that takes nothing keeps its connection, in seconds.
_UNREAD_S = 10.0
_LONGEST_NUMBER = 12  # digits


def turn_headers(turn: TurnHead) -> dict[str, str]:
    """Return the headers that name a turn."""
    return {TURN_ID: turn.id, RUN_ID: turn.id}


class Following:
    """Makes responses that follow a turn.

    Args:
        kept: finds out whether the turn's writer lives.
        keep_alive_s: longest silence, in seconds.
        now: Unix seconds.
    """

    def __init__(self, kept: KeptTurns, *, keep_alive_s: float, now: "Callable[[], float]") -> None:
        self._kept = kept
        self._keep_alive_s = keep_alive_s
        self._now = now
        self.stopping = Stopping()

    async def respond(
        self,
        turn: TurnHead,
        dialect: Dialect,
        *,
        start: int | None,
        headers: Mapping[str, str],
    ) -> Response:
        """Return a response that follows ``turn``.

        Args:
            start: as for `Follower`.

        Raises:
            StoreUnavailable: the log cannot be read.
        """
        continues = start is not None and turn.live_from > 0
        encoder = encoder_for(dialect, now=self._now, continues=continues)
        is_pinged = dialect.protocol == "ui"
        follower = Follower(
            self._kept.store,
            self._kept.lost,
            self.stopping,
            turn,
            encoder,
            dialect.protocol,
            start=start,
            keep_alive_s=None if is_pinged else self._keep_alive_s,
        )
        tail_index = await follower.catch_up()
        tail = {} if start is None else {TAIL_INDEX: str(tail_index)}
        about = {**STREAM_HEADERS, **encoder.headers, **turn_headers(turn), **tail, **headers}
        if is_pinged:
            return _event_source(follower, about, self._keep_alive_s)
        return StreamingResponse(follower.frames(), headers=about, media_type=encoder.media_type)


def _event_source(follower: Follower, headers: Mapping[str, str], ping_s: float) -> Response:
    # Loaded by the first who follows, since it takes its time and patches uvicorn.
    from sse_starlette import EventSourceResponse, ServerSentEvent
    from sse_starlette.sse import AppStatus

    # It logs every chunk, for whoever has DEBUG switched on; chunks are content.
    logging.getLogger("sse_starlette.sse").setLevel(logging.INFO)
    # Our own shutdown gives every follower an end that its protocol knows.
    AppStatus.enable_automatic_graceful_drain = False
    return EventSourceResponse(
        follower.frames(),
        headers=headers,
        ping=ping_s,
        ping_message_factory=lambda: ServerSentEvent(comment="ping", sep="\n"),
        sep="\n",
        send_timeout=_UNREAD_S,
    )


def start_of(request: Request) -> int | None:
    """Return how many chunks the client says that it has, in ``?startIndex=`` or Last-Event-ID.

    Raises:
        InvalidOption: it is no number.
    """
    given = request.query_params.get("startIndex")
    name = "startIndex"
    if given is None:
        given = request.headers.get("last-event-id") or None
        name = "Last-Event-ID"
    if given is None:
        return None
    digits = given.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER):
        raise InvalidOption(f"{name} must be a number of chunks, not {given[:20]!r}.")
    return int(given)
