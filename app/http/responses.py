"""The HTTP responses: a running turn, a JSON body, an error.

One streaming response serves every protocol on every transport. Frames are finished bytes, with
keep-alives among them, and the turn pushes them into the connection itself (see
`app.turns.outbox`).
"""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.aws.asgi_extensions import OUTCOME
from app.events import Error, Finish, Usage
from app.http.disconnect import first_of
from app.http.own_server import own_server
from app.protocols.json_text import dumps
from app.turns.errors import status_of
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.transcript import Transcript

if TYPE_CHECKING:
    from app.turns.whole_turn import WholeTurn

# What every streaming answer carries, so that no proxy holds it back.
STREAM_HEADERS: Mapping[str, str] = {
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
# How long the last frame may wait for the end of its turn, so that both leave as one, in seconds.
# It is a matter of microseconds, unless the model keeps its connection busy behind the answer.
_LAST_FRAME_S = 0.01


class Written(Protocol):
    """What a store has to be told of a turn."""

    async def written(self) -> None:
        """Return when the response may end, as far as the store is concerned."""
        ...


class TurnResponse(Response):
    """Streams a running turn.

    When the response ends, for whatever reason, so does the turn, unless it is one that may go on
    without its client.

    Args:
        turn: already opened, or answered anyway.
        outbox: where the turn's frames come from.
        leaving: done when the client has left (`watch`).
        kept: what the response waits for at its end, if the turn is in a store.
        media_type: the protocol's.
        headers: of the response.
    """

    def __init__(
        self,
        turn: LiveTurn,
        outbox: Outbox,
        leaving: asyncio.Future[None],
        kept: "Written | None" = None,
        *,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = media_type
        self._turn = turn
        self._outbox = outbox
        self._leaving = leaving
        self._kept = kept
        self.init_headers({**STREAM_HEADERS, **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; tell our Lambda runtime if the turn failed."""
        turn = self._turn
        refused: list[Exception] = []
        loop = turn.task.get_loop()
        over: asyncio.Future[None] = loop.create_future()
        last = b""
        has_begun = False
        server = own_server(scope)
        timer: asyncio.TimerHandle | None = None

        def end(_: object = None) -> None:
            if not over.done():
                over.set_result(None)

        def part(_: object = None) -> None:
            turn.abandon()
            end()

        def write_at_once(data: bytes) -> bool:
            # Not the first, before which the head has to go, and not the last (see `write`).
            return has_begun and not turn.has_ended and server is not None and server.write(data)

        async def write(data: bytes) -> None:
            nonlocal has_begun, last, timer
            if turn.has_ended:
                # With it the response ends, in the loop's next rounds.
                last += data
                timer = timer or loop.call_later(_LAST_FRAME_S, end)
                return
            try:
                await send({"type": "http.response.body", "body": data, "more_body": True})
                has_begun = True
            except Exception as error:  # for whoever called us: the turn has done nothing wrong
                refused.append(error)
                part()

        try:
            headers, self.raw_headers = self.raw_headers, []  # nobody else needs them
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            del headers
            # Whatever we wait for below, a client that leaves ends the response at once.
            self._leaving.add_done_callback(part)
            await self._outbox.connect(write, None if server is None else write_at_once)
            # Not `asyncio.wait`, whose frames take a kilobyte for as long as the turn runs.
            turn.task.add_done_callback(end)
            await over
            if last and not (turn.task.done() or self._leaving.done()):
                await send({"type": "http.response.body", "body": last, "more_body": True})
                last = b""
                await first_of(turn.task, self._leaving)
            if refused:
                raise refused[0]
            if self._kept is not None:
                await self._kept.written()
            if not self._leaving.done():
                await send({"type": "http.response.body", "body": last, "more_body": False})
        except OSError:
            pass  # how servers since ASGI 2.4 say that the client has left
        finally:
            if timer is not None:
                timer.cancel()
            self._leaving.cancel()
            await turn.part()
            self._outbox.close()
            told: dict[str, Any] | None = scope.get("extensions", {}).get(OUTCOME)
            if told is not None and turn.error is not None:
                told["error_code"] = turn.error.code
                told["error_message"] = turn.error.message


async def opened(turn: LiveTurn, leaving: asyncio.Future[None], wait_s: float | None) -> None:
    """Wait until the turn has something to say, ``wait_s`` is over or the client has left.

    ``None``: wait until the turn is over.
    """
    until = turn.opened if wait_s is not None else turn.task
    await first_of(until, leaving, timeout_s=wait_s)
    if leaving.done() and not until.done():
        await turn.part()
    elif turn.opened.done():
        turn.opened.result()


class JSONResponse(Response):
    """A JSON body made by the same encoder as everything else (lone surrogates, NaN)."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return dumps(content)


def failure(
    message: str, status: int, headers: Mapping[str, str] | None = None, /, **more: Any
) -> JSONResponse:
    """Return an error before the first byte: ``{"success": false, "error": message}``."""
    body = {"success": False, "error": message, **more}
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))


async def whole_answer(
    turn: LiveTurn, headers: Mapping[str, str], kept: "Written | None" = None, *, is_object: bool
) -> Response:
    """Return the answer in one piece (``"stream": false``)."""
    await asyncio.wait([turn.task])
    if kept is not None:
        await kept.written()
    transcript, outcome, chat_id = turn.transcript, turn.outcome, turn.labels.chat_id
    assert transcript is not None
    assert outcome is not None
    if outcome.error is not None:
        message = transcript.message()
        return failure(outcome.error.message, outcome.status, headers, message=message)
    reason = outcome.finish_reason or "other"
    return _in_one_piece(transcript, chat_id, reason, outcome.usage, headers, is_object=is_object)


def whole_answer_again(whole: "WholeTurn", chat_id: str, headers: Mapping[str, str]) -> Response:
    """Return what `whole_answer` of the same turn returned, from its log."""
    if isinstance(whole.end, Error):
        status, message = status_of(whole.end.code), whole.transcript.message()
        return failure(whole.end.message, status, headers, message=message)
    reason = whole.end.finish_reason if isinstance(whole.end, Finish) else "other"
    return _in_one_piece(whole.transcript, chat_id, reason, whole.usage, headers, is_object=False)


def _in_one_piece(
    transcript: Transcript,
    chat_id: str | None,
    finish_reason: str,
    usage: Usage,
    headers: Mapping[str, str],
    *,
    is_object: bool,
) -> Response:
    return JSONResponse(
        {
            "success": True,
            **({"id": chat_id} if chat_id else {}),
            **({"object": json.loads(transcript.text)} if is_object else {"text": transcript.text}),
            "finishReason": finish_reason,
            "usage": usage.counted(),
            "message": transcript.message(),
        },
        headers=dict(headers),
    )
