"""From a parsed chat request to a running turn to its response.

The status of a response is held back until the model's response headers are here, so that what
goes wrong before is a real HTTP error; if that takes too long, it is a 200 with keep-alives.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.responses import Response

from app.chats.stored_form import continued_form
from app.errors import InvalidMessages
from app.events import Emit
from app.http.admission import AdmittedRequest
from app.http.chat_options import ChatOptions
from app.http.disconnect import watch
from app.http.objects import ObjectSchema, checked
from app.http.options import deadline_of, wants_stream
from app.http.request_head import query
from app.http.responses import TurnResponse, opened, whole_answer
from app.messages import ChatRequest, Message
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect, encoder_for, negotiate
from app.providers.provider import Provider
from app.requests.conversation import NOTHING_SAID
from app.requests.value_count import is_heavy
from app.telemetry.turn_traces import Tracing, Untraced
from app.threads import Aside
from app.tools.approval import Approvals
from app.tools.context import Scene
from app.tools.result import OutputLimits
from app.tools.tool_set import ToolSet
from app.tools.tool_threads import ToolThreads
from app.tools.toolbox import Toolbox, earlier_calls
from app.tracing import Trace
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.outcome import TurnLabels
from app.turns.progress import TurnProgress
from app.turns.running_turns import RunningTurns
from app.turns.transcript import Transcript
from app.turns.turn import run_turn

if TYPE_CHECKING:
    from app.http.keeping import Keeping
    from app.turns.kept_turn import KeptTurn


class ChatResponder:
    """Runs the turn that a chat request asks for, and makes the response of it.

    Args:
        provider: the model.
        turns: starts every turn.
        options: what the server decided.
        tools: what the model may call.
        threads: in which the tools that are plain functions run.
        output_limits: how large the output of a tool may be.
        approvals: signs approval requests and checks the user's replies.
        aside: where the replies of a large request are checked.
        new_id: makes a unique id with the given prefix.
        keeping: keeps the turns of chats; None without a store.
        tracing: begins the trace of every turn.
        now: Unix seconds.
    """

    def __init__(
        self,
        provider: Provider,
        turns: RunningTurns,
        options: ChatOptions,
        *,
        tools: ToolSet,
        threads: ToolThreads,
        output_limits: OutputLimits,
        approvals: Approvals,
        aside: Aside,
        new_id: Callable[[str], str],
        keeping: "Keeping | None" = None,
        tracing: Tracing | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._turns = turns
        self._options = options
        self._tools = tools
        self._threads = threads
        self._output_limits = output_limits
        self._approvals = approvals
        self._aside = aside
        self._new_id = new_id
        self._keeping = keeping
        self._tracing = Untraced() if tracing is None else tracing
        self._now = now

    async def respond(self, admitted: AdmittedRequest, asked: ChatRequest) -> Response:
        """Run the turn that ``asked`` wants.

        Raises:
            InvalidOption: an override that cannot be met.
            TooManyTurns: no more turns may run now.
            ChatError: the turn failed before it had anything to say.
        """
        given = query(admitted.http)
        in_query = given.get("protocol"), given.get("sdk")
        dialect = negotiate(asked.shape, query=in_query, body=(asked.protocol, asked.sdk))
        return await self._respond(admitted, asked, dialect)

    async def respond_with_object(
        self, admitted: AdmittedRequest, schema: ObjectSchema, question: Message
    ) -> Response:
        """Run a turn whose answer is a JSON document that fits ``schema``.

        Args:
            admitted: its query decides how the answer travels; plain text unless it says otherwise.
            schema: what the document has to fit.
            question: what the page submitted.

        Raises:
            InvalidOption: an override that cannot be met.
            TooManyTurns: no more turns may run now.
            ChatError: the turn failed before it had anything to say.
        """
        given = query(admitted.http)
        asked = ChatRequest(shape="prompt", messages=(question,), is_large=is_heavy(admitted.body))
        dialect = negotiate("prompt", query=(given.get("protocol") or "text", given.get("sdk")))
        return await self._respond(admitted, asked, dialect, schema)

    async def _respond(
        self,
        admitted: AdmittedRequest,
        asked: ChatRequest,
        dialect: Dialect,
        schema: ObjectSchema | None = None,
    ) -> Response:
        options = self._options
        is_stream = wants_stream(admitted.http, default=asked.stream)
        model = options.model_for(asked)
        headers = {"x-request-id": admitted.id}
        if not self._tools.is_settled(admitted.owner):
            await self._tools.settle(admitted.owner)
        kept: KeptTurn | None = None
        if self._keeping is not None and schema is None:
            self._turns.check()
            begun = await self._keeping.begin(admitted, asked)
            if not isinstance(begun, tuple):
                return await self._keeping.join(admitted, begun, dialect, is_stream=is_stream)
            kept, asked = begun
            headers |= self._keeping.headers(kept)
        continues = asked.continues is not None
        encoder = encoder_for(dialect, now=self._now, continues=continues)
        framer = Framer(encoder, earlier_calls(asked.approval_replies), continues=continues)
        outbox = (
            Outbox(keep_alive_s=options.keep_alive_s, keep_alive=encoder.keep_alive)
            if is_stream
            else None
        )
        try:
            turn = self._turn(admitted, asked, model, dialect, framer, outbox, schema, kept)
            self._turns.start(turn)
        except BaseException:
            if kept is not None:
                kept.give_up()
            raise
        leaving = watch(admitted.http)
        try:
            await opened(turn, leaving, options.status_wait_s if is_stream else None)
            if outbox is None:
                leaving.cancel()
                if turn.is_detached:
                    return Response(status_code=204, headers=headers)  # to nobody
                return await whole_answer(turn, headers, kept, is_object=schema is not None)
        except BaseException:
            leaving.cancel()
            await turn.part()
            raise
        turn.answer_anyway()
        return TurnResponse(
            turn,
            outbox,
            leaving,
            kept,
            media_type=encoder.media_type,
            headers={**encoder.headers, **headers},
        )

    def _turn(
        self,
        admitted: AdmittedRequest,
        asked: ChatRequest,
        model: str,
        dialect: Dialect,
        framer: Framer,
        outbox: Outbox | None,
        schema: ObjectSchema | None,
        kept: "KeptTurn | None",
    ) -> LiveTurn:
        """Return the turn, not started.

        Raises:
            InvalidMessages: the messages were left to a store, and there is none.
            TooManyTurns: there is no room for it.
        """
        if not asked.messages:
            raise InvalidMessages(NOTHING_SAID)
        deadline = deadline_of(
            admitted.http,
            now=self._now(),
            margin_s=self._options.deadline_margin_s,
            longest_s=self._options.max_turn_s,
        )
        message_id = asked.continues or self._new_id("msg")
        if kept is not None:
            message_id = kept.head.message_id
        request = self._options.turn_request(asked, model, message_id, schema)
        self._turns.check()  # a trace that has begun is of a turn that runs
        labels = TurnLabels(
            request_id=admitted.id,
            chat_id=asked.chat_id,
            owner=admitted.owner,
            protocol=dialect.protocol,
            shape=asked.shape,
            model=model,
        )
        trace, labels, observer = self._tracing.begin_turn(
            admitted.http.scope["headers"], labels, request, started=admitted.started
        )
        toolbox = self._toolbox(admitted, asked, dialect, deadline, schema, trace)
        progress = TurnProgress(model=model, started=admitted.started)
        keeps_transcript = outbox is None or schema is not None or self._turns.keeps_transcripts
        if kept is not None:
            transcript: Transcript | None = kept.recorder.transcript
        else:
            earlier = continued_form(asked) if keeps_transcript else None
            transcript = Transcript(message_id, earlier) if keeps_transcript else None

        def run(emit: Emit) -> Awaitable[None]:
            if schema is not None and transcript is not None:
                emit = checked(emit, schema, lambda: transcript.text)
            return run_turn(
                request,
                emit,
                provider=self._provider,
                tools=toolbox,
                progress=progress,
                aside=self._aside,
                trace=trace,
            )

        turn = LiveTurn(
            run,
            labels=labels,
            message_id=message_id,
            framer=framer,
            outbox=outbox,
            progress=progress,
            transcript=transcript,
            recorder=None if kept is None else kept.recorder,
            detached_s=None if kept is None or self._keeping is None else self._keeping.detached_s,
            deadline=deadline,
            observer=observer,
        )
        if kept is not None:
            kept.run_by(turn)
        return turn

    def _toolbox(
        self,
        admitted: AdmittedRequest,
        asked: ChatRequest,
        dialect: Dialect,
        deadline: float | None,
        schema: ObjectSchema | None,
        trace: Trace,
    ) -> Toolbox:
        scene = Scene(
            owner=admitted.owner,
            chat_id=asked.chat_id,
            session_id=asked.session_id,
            user_id=asked.user_id,
            deadline=deadline,
            threads=self._threads,
            trace=trace,
            limits=self._output_limits,
        )
        tools = self._tools.of(admitted.owner) if schema is None else {}
        return Toolbox(tools, scene, self._approvals, can_ask=dialect.can_ask_approval)
