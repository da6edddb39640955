"""From a parsed request to a running turn to its answer.

The status of an answer is held back until the model's response headers are here, so that what goes
wrong before is a real HTTP error; a model that takes longer than that gets a 200 and keep-alives.
"""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.errors import InvalidOption
from app.events import Usage
from app.live_turn import LiveTurn
from app.messages import ChatRequest
from app.outbox import Outbox
from app.protocols.framing import Framer
from app.protocols.negotiation import encoder_for, negotiate
from app.providers import Emit, Provider
from app.responses import JSONAnswer, TurnResponse, failure
from app.telemetry import RequestLog
from app.transcript import Transcript
from app.turn import TurnRequest, run_turn
from app.turns import Turns


class AnswerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the server decided about its answers; times in seconds."""

    model: str
    models: frozenset[str]
    system_prompt: str | None
    temperature: float | None
    max_output_tokens: int | None
    max_steps: int
    status_wait_s: float
    keep_alive_s: float
    deadline_margin_s: float
    shutdown_grace_s: float


class Answers:
    """Makes the answer to a chat request.

    Args:
        provider: the model.
        turns: takes charge of every turn.
        options: what the server decided.
        new_id: makes a unique id with the given prefix.
        now: Unix seconds.
    """

    def __init__(
        self,
        provider: Provider,
        turns: Turns,
        options: AnswerOptions,
        *,
        new_id: Callable[[str], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._turns = turns
        self._options = options
        self._new_id = new_id
        self._now = now

    async def answer(
        self, request: Request, asked: ChatRequest, *, request_id: str, started: float
    ) -> Response:
        """Run the turn that ``asked`` wants.

        Raises:
            InvalidOption: an override that cannot be met.
            ChatError: the turn failed before it had anything to say.
        """
        dialect = negotiate(
            asked.shape,
            query=(request.query_params.get("protocol"), request.query_params.get("sdk")),
            body=(asked.protocol, asked.sdk),
        )
        is_stream = _is_stream(request, asked)
        model = self._model(asked)
        encoder = encoder_for(dialect, now=self._now)
        options = self._options
        deadline = self._deadline(request)
        outbox = (
            Outbox(keep_alive_s=options.keep_alive_s, keep_alive=encoder.keep_alive)
            if is_stream
            else None
        )
        message_id = asked.continues or self._new_id("msg")
        record = RequestLog(
            request_id=request_id,
            chat_id=asked.chat_id,
            protocol=dialect.protocol,
            shape=asked.shape,
            model=model,
        )
        turn = LiveTurn(
            self._runner(asked, message_id, record, started),
            message_id=message_id,
            framer=Framer(encoder),
            outbox=outbox,
            record=record,
            on_end=self._turns.ended,
            started=started,
            transcript=(
                Transcript(message_id) if self._turns.keeps_transcripts or not is_stream else None
            ),
            deadline=deadline,
        )
        self._turns.add(turn)
        headers = {"x-request-id": request_id}
        try:
            await self._opened(turn, request, options.status_wait_s if is_stream else None)
            if outbox is None:
                return await _whole(turn, asked, headers)
        except BaseException:
            await turn.leave()
            raise
        turn.answer_anyway()
        return TurnResponse(
            turn, outbox, encoder, headers=headers, shutdown_grace_s=options.shutdown_grace_s
        )

    def _runner(
        self, asked: ChatRequest, message_id: str, record: RequestLog, started: float
    ) -> Callable[[Emit], Awaitable[None]]:
        options = self._options
        turn = TurnRequest(
            message_id=message_id,
            model=record.model,
            messages=asked.messages,
            system_prompt=options.system_prompt,
            temperature=options.temperature,
            max_output_tokens=options.max_output_tokens,
            max_steps=options.max_steps,
        )

        def about(usage: Usage) -> Mapping[str, Any]:
            timings = {
                "timeToFirstTokenMs": record.first_token_ms,
                "durationMs": round((time.perf_counter() - started) * 1000, 3),
            }
            counted = usage.counted()
            known = {name: ms for name, ms in timings.items() if ms is not None}
            return {"model": record.model, **({"usage": counted} if counted else {}), **known}

        async def run(emit: Emit) -> None:
            await run_turn(turn, emit, provider=self._provider, about=about)

        return run

    def _model(self, asked: ChatRequest) -> str:
        if asked.model is None:
            return self._options.model
        if asked.model not in self._options.models:
            known = ", ".join(sorted(self._options.models))
            raise InvalidOption(f"The model {asked.model[:60]!r} is not allowed; allowed: {known}.")
        return asked.model

    def _deadline(self, request: Request) -> float | None:
        """Return the loop time at which the turn has to end, if Lambda said when it will.

        The Lambda Web Adapter and our own runtime both put Lambda's context into this header, over
        whatever a client sent. ``deadline`` is in milliseconds since 1970.
        """
        context = request.headers.get("x-amzn-lambda-context")
        if context is None:
            return None
        try:
            deadline_ms = float(json.loads(context)["deadline"])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None
        if not math.isfinite(deadline_ms):
            return None
        left_s = deadline_ms / 1000 - self._now() - self._options.deadline_margin_s
        return asyncio.get_running_loop().time() + left_s

    async def _opened(self, turn: LiveTurn, request: Request, wait_s: float | None) -> None:
        """Wait until the turn has something to say, ``wait_s`` is over or the client has left."""
        leaving = asyncio.ensure_future(_left(request))
        try:
            until = turn.opened if wait_s is not None else turn.task
            await asyncio.wait((until, leaving), timeout=wait_s, return_when="FIRST_COMPLETED")
            if leaving.done() and not until.done():
                await turn.leave()
            elif turn.opened.done():
                turn.opened.result()
        finally:
            leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _is_stream(request: Request, asked: ChatRequest) -> bool:
    match request.query_params.get("stream"):
        case None | "":
            return asked.stream
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case other:
            raise InvalidOption(f"stream must be true or false, not {other[:20]!r}.")


async def _whole(turn: LiveTurn, asked: ChatRequest, headers: Mapping[str, str]) -> Response:
    """Return the answer in one piece (``"stream": false``)."""
    await asyncio.wait([turn.task])
    transcript = turn.transcript
    assert transcript is not None
    if transcript.error is not None:
        message = transcript.message()
        return failure(transcript.error.message, turn.record.status, headers, message=message)
    return JSONAnswer(
        {
            "success": True,
            **({"id": asked.chat_id} if asked.chat_id else {}),
            "text": transcript.text,
            "finishReason": transcript.finish_reason,
            "usage": transcript.usage.counted(),
            "message": transcript.message(),
        },
        headers=dict(headers),
    )
