"""From a parsed chat request to a running turn to its response.

The status of a response is held back until the model's response headers are here, so that what
goes wrong before is a real HTTP error; if that takes too long, it is a 200 with keep-alives.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.responses import Response

from app.http.admission import AdmittedRequest
from app.http.chat_options import ChatOptions
from app.http.chat_turns import ChatTurns
from app.http.disconnect import watch
from app.http.objects import ObjectSchema
from app.http.options import wants_stream
from app.http.request_head import query
from app.http.responses import TurnResponse, Written, opened, whole_answer
from app.messages import ChatRequest, Message
from app.protocols.framing import Framer
from app.protocols.negotiation import Dialect, encoder_for, negotiate
from app.requests.value_count import is_heavy
from app.tools.tool_set import ToolSet
from app.tools.toolbox import earlier_calls
from app.turns.outbox import Outbox
from app.turns.running_turns import RunningTurns

if TYPE_CHECKING:
    from app.http.keeping import Keeping
    from app.http.limiting import Limiting
    from app.limits.limiter import Allowance
    from app.turns.kept_turn import KeptTurn


class ChatResponder:
    """Runs the turn that a chat request asks for, and makes the response of it.

    Args:
        turns: starts every turn.
        options: what the server decided.
        chat_turns: makes every turn.
        tools: what the model may call.
        keeping: keeps the turns of chats; None without a store.
        limiting: holds turns to limits; None: there are none.
        now: Unix seconds.
    """

    def __init__(
        self,
        turns: RunningTurns,
        options: ChatOptions,
        chat_turns: ChatTurns,
        *,
        tools: ToolSet,
        keeping: "Keeping | None" = None,
        limiting: "Limiting | None" = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._turns = turns
        self._options = options
        self._chat_turns = chat_turns
        self._tools = tools
        self._keeping = keeping
        self._limiting = limiting
        self._now = now

    async def respond(self, admitted: AdmittedRequest, asked: ChatRequest) -> Response:
        """Run the turn that ``asked`` wants.

        Raises:
            InvalidOption: an override that cannot be met.
            LimitReached, TooManyTurns: no more turns may run now.
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
            ChatError: as `respond`.
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
        model = self._options.model_for(asked)
        if self._limiting is None:
            return await self._run(admitted, asked, model, dialect, schema)
        allowance = await self._limiting.allowance(admitted, model)
        try:
            return await self._run(admitted, asked, model, dialect, schema, allowance)
        finally:
            if allowance is not None:
                allowance.give_up()

    async def _run(
        self,
        admitted: AdmittedRequest,
        asked: ChatRequest,
        model: str,
        dialect: Dialect,
        schema: ObjectSchema | None,
        allowance: "Allowance | None" = None,
    ) -> Response:
        options = self._options
        is_stream = wants_stream(admitted.http, default=asked.stream)
        headers = {"x-request-id": admitted.id}
        if not self._tools.is_settled(admitted.owner):
            await self._tools.settle(admitted.owner)
        kept: KeptTurn | None = None
        self._turns.check()
        if self._keeping is not None and schema is None:
            begun = await self._keeping.begin(admitted, asked, allowance)
            if not isinstance(begun, tuple):
                return await self._keeping.join(admitted, begun, dialect, is_stream=is_stream)
            kept, asked = begun
            headers |= self._keeping.headers(kept)
        written: Written | None = kept
        if self._limiting is not None and allowance is not None:
            if kept is None:
                await allowance.take()
            headers |= allowance.headers
            written = self._limiting.last_writes(admitted, allowance, kept)
        continues = asked.continues is not None
        encoder = encoder_for(dialect, now=self._now, continues=continues)
        framer = Framer(encoder, earlier_calls(asked.approval_replies), continues=continues)
        outbox = (
            Outbox(keep_alive_s=options.keep_alive_s, keep_alive=encoder.keep_alive)
            if is_stream
            else None
        )
        try:
            turn = self._chat_turns.make(
                admitted, asked, model, dialect, framer, outbox, schema, kept
            )
            self._turns.start(turn)
            if allowance is not None:
                allowance.used_by(turn)
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
                return await whole_answer(turn, headers, written, is_object=schema is not None)
        except BaseException:
            leaving.cancel()
            await turn.part()
            raise
        turn.answer_anyway()
        return TurnResponse(
            turn,
            outbox,
            leaving,
            written,
            media_type=encoder.media_type,
            headers={**encoder.headers, **headers},
        )
