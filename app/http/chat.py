"""From a parsed request to a running turn to its answer.

The status of an answer is held back until the model's response headers are here, so that what goes
wrong before is a real HTTP error; a model that takes longer than that gets a 200 and keep-alives.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.errors import InvalidOption
from app.events import Emit, Event, Finish, Usage
from app.http.objects import INSTRUCTION, ObjectSchema, question
from app.http.options import deadline_of, wants_stream
from app.http.responses import JSONAnswer, TurnResponse, failure, watch
from app.messages import ChatRequest
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect, encoder_for, negotiate
from app.providers.provider import Provider
from app.telemetry.log import RequestLog
from app.tools.approval import Approvals
from app.tools.context import Scene
from app.tools.tool import Tool
from app.tools.toolbox import Toolbox, earlier_calls
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.running_turns import Turns
from app.turns.transcript import Transcript
from app.turns.turn import TurnRequest, run_turn


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


class Answers:
    """Makes the answer to a chat request.

    Args:
        provider: the model.
        turns: takes charge of every turn.
        options: what the server decided.
        tools: by name; what the model may call.
        approvals: signs and checks the user's word on a tool call.
        new_id: makes a unique id with the given prefix.
        now: Unix seconds.
    """

    def __init__(
        self,
        provider: Provider,
        turns: Turns,
        options: AnswerOptions,
        *,
        tools: Mapping[str, Tool],
        approvals: Approvals,
        new_id: Callable[[str], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._turns = turns
        self._options = options
        self._tools = tools
        self._approvals = approvals
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
        return await self._respond(request, asked, dialect, request_id, started)

    async def answer_object(
        self,
        request: Request,
        schema: ObjectSchema,
        value: Any,
        *,
        request_id: str,
        started: float,
    ) -> Response:
        """Run a turn whose answer is a JSON document that fits ``schema``.

        Args:
            request: decides how the answer travels; plain text unless it says otherwise.
            schema: what the document has to fit.
            value: the request's body, whatever JSON the page submitted.
            request_id: for the log and the response.
            started: `time.perf_counter` when the request came in.

        Raises:
            InvalidOption: an override that cannot be met.
            ChatError: the turn failed before it had anything to say.
        """
        asked = ChatRequest(shape="prompt", messages=(question(value),))
        protocol = request.query_params.get("protocol") or "text"
        dialect = negotiate("prompt", query=(protocol, request.query_params.get("sdk")))
        return await self._respond(request, asked, dialect, request_id, started, schema)

    async def _respond(
        self,
        request: Request,
        asked: ChatRequest,
        dialect: Dialect,
        request_id: str,
        started: float,
        schema: ObjectSchema | None = None,
    ) -> Response:
        is_stream = wants_stream(request, default=asked.stream)
        encoder = encoder_for(dialect, now=self._now)
        options = self._options
        deadline = deadline_of(request, now=self._now(), margin_s=options.deadline_margin_s)
        record = RequestLog(
            request_id=request_id,
            chat_id=asked.chat_id,
            protocol=dialect.protocol,
            shape=asked.shape,
            model=self._model(asked),
        )
        message_id = asked.continues or self._new_id("msg")
        keeps_transcript = not is_stream or schema is not None or self._turns.keeps_transcripts
        transcript = Transcript(message_id) if keeps_transcript else None
        tools = self._toolbox(asked, dialect, deadline, schema)
        # From here on a timer runs: nothing may fail before the turn has charge of it.
        outbox = (
            Outbox(keep_alive_s=options.keep_alive_s, keep_alive=encoder.keep_alive)
            if is_stream
            else None
        )
        turn = LiveTurn(
            self._runner(asked, message_id, record, started, tools, schema, transcript),
            message_id=message_id,
            framer=Framer(encoder, earlier_calls(asked.approval_replies)),
            outbox=outbox,
            record=record,
            on_end=self._turns.ended,
            started=started,
            transcript=transcript,
            deadline=deadline,
        )
        self._turns.add(turn)
        leaving = watch(request)
        headers = {"x-request-id": request_id}
        try:
            await _opened(turn, leaving, options.status_wait_s if is_stream else None)
            if outbox is None:
                leaving.cancel()
                return await _whole(turn, asked, headers, is_object=schema is not None)
        except BaseException:
            leaving.cancel()
            await turn.leave()
            raise
        turn.answer_anyway()
        return TurnResponse(
            turn,
            outbox,
            leaving,
            media_type=encoder.media_type,
            headers={**encoder.headers, **headers},
        )

    def _toolbox(
        self,
        asked: ChatRequest,
        dialect: Dialect,
        deadline: float | None,
        schema: ObjectSchema | None,
    ) -> Toolbox:
        scene = Scene(
            chat_id=asked.chat_id,
            session_id=asked.session_id,
            user_id=asked.user_id,
            deadline=deadline,
        )
        tools = self._tools if schema is None else {}
        return Toolbox(tools, scene, self._approvals, can_ask=dialect.can_ask_approval)

    def _runner(
        self,
        asked: ChatRequest,
        message_id: str,
        record: RequestLog,
        started: float,
        tools: Toolbox,
        schema: ObjectSchema | None,
        transcript: Transcript | None,
    ) -> Callable[[Emit], Awaitable[None]]:
        options = self._options
        turn = TurnRequest(
            message_id=message_id,
            model=record.model,
            messages=asked.messages,
            approval_replies=asked.approval_replies,
            system_prompt=options.system_prompt if schema is None else INSTRUCTION,
            temperature=options.temperature,
            max_output_tokens=options.max_output_tokens,
            max_steps=options.max_steps,
            response_schema=None if schema is None else schema.for_model(),
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
            if schema is not None and transcript is not None:
                emit = _checked(emit, schema, transcript)
            await run_turn(turn, emit, provider=self._provider, about=about, tools=tools)

        return run

    def _model(self, asked: ChatRequest) -> str:
        if asked.model is None:
            return self._options.model
        if asked.model not in self._options.models:
            known = ", ".join(sorted(self._options.models))
            raise InvalidOption(f"The model {asked.model[:60]!r} is not allowed; allowed: {known}.")
        return asked.model


async def _opened(turn: LiveTurn, leaving: asyncio.Task[None], wait_s: float | None) -> None:
    """Wait until the turn has something to say, ``wait_s`` is over or the client has left.

    ``None``: wait until the turn is over.
    """
    until = turn.opened if wait_s is not None else turn.task
    await asyncio.wait((until, leaving), timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
    if leaving.done() and not until.done():
        await turn.leave()
    elif turn.opened.done():
        turn.opened.result()


def _checked(emit: Emit, schema: ObjectSchema, transcript: Transcript) -> Emit:
    """Return an ``emit`` that ends a turn with an error if its answer breaks the schema."""

    async def emit_checked(events: Sequence[Event]) -> None:
        if not isinstance(events[-1], Finish):
            await emit(events)
            return
        await emit(events[:-1])  # the transcript has all of the text now
        await emit([schema.check(transcript.text) or events[-1]])

    return emit_checked


async def _whole(
    turn: LiveTurn, asked: ChatRequest, headers: Mapping[str, str], *, is_object: bool
) -> Response:
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
            **({"object": json.loads(transcript.text)} if is_object else {"text": transcript.text}),
            "finishReason": transcript.finish_reason,
            "usage": transcript.usage.counted(),
            "message": transcript.message(),
        },
        headers=dict(headers),
    )
