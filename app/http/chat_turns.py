"""From a chat request to the turn that it asks for, not started yet."""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from app.chats.stored_form import continued_form
from app.errors import InvalidMessages
from app.events import Emit
from app.http.admission import AdmittedRequest
from app.http.chat_options import ChatOptions
from app.http.objects import ObjectSchema, checked
from app.http.options import deadline_of
from app.messages import ChatRequest
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect
from app.providers.provider import Provider
from app.requests.conversation import NOTHING_SAID
from app.telemetry.turn_traces import Tracing
from app.threads import Aside
from app.tools.approval import Approvals
from app.tools.context import Scene
from app.tools.result import OutputLimits
from app.tools.tool_set import ToolSet
from app.tools.tool_threads import ToolThreads
from app.tools.toolbox import Toolbox
from app.tracing import Trace
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.outcome import TurnLabels
from app.turns.progress import TurnProgress
from app.turns.transcript import Transcript
from app.turns.turn import run_turn

if TYPE_CHECKING:
    from app.turns.kept_turn import KeptTurn


class ChatTurns:
    """Makes the turns of one app.

    Args:
        provider: the model.
        options: what the server decided.
        tools: what the model may call.
        threads: in which the tools that are plain functions run.
        output_limits: how large the output of a tool may be.
        approvals: signs approval requests and checks the user's replies.
        aside: where the replies of a large request are checked.
        new_id: makes a unique id with the given prefix.
        has_room: raises `TooManyTurns` if there is no room for a turn.
        keeps_transcripts: whether each turn has to collect its message.
        detached_s: how long a turn that is kept goes on without its client, in seconds.
        tracing: begins the trace of every turn.
        now: Unix seconds.
    """

    def __init__(
        self,
        provider: Provider,
        options: ChatOptions,
        *,
        tools: ToolSet,
        threads: ToolThreads,
        output_limits: OutputLimits,
        approvals: Approvals,
        aside: Aside,
        new_id: Callable[[str], str],
        has_room: Callable[[], None],
        keeps_transcripts: bool,
        detached_s: float | None,
        tracing: Tracing,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._options = options
        self._tools = tools
        self._threads = threads
        self._output_limits = output_limits
        self._approvals = approvals
        self._aside = aside
        self._new_id = new_id
        self._has_room = has_room
        self._keeps_transcripts = keeps_transcripts
        self._detached_s = detached_s
        self._tracing = tracing
        self._now = now

    def make(
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
        self._has_room()  # a trace that has begun is of a turn that runs
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
        keeps_transcript = outbox is None or schema is not None or self._keeps_transcripts
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
            standing=None if kept is None else kept.standing,
            detached_s=None if kept is None else self._detached_s,
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
