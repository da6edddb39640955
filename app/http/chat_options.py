"""What the server decides about its chat turns."""

import msgspec

from app.errors import InvalidOption
from app.http.objects import INSTRUCTION, ObjectSchema
from app.messages import ChatRequest
from app.turns.turn import TurnRequest


class ChatOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the server decided about its turns; times in seconds."""

    model: str
    models: frozenset[str]
    system_prompt: str | None
    temperature: float | None
    max_output_tokens: int | None
    max_steps: int
    max_answer_bytes: int
    status_wait_s: float
    keep_alive_s: float
    deadline_margin_s: float
    max_turn_s: float

    def model_for(self, asked: ChatRequest) -> str:
        """Return the model that answers.

        Raises:
            InvalidOption: the model that was asked for is not allowed.
        """
        if asked.model is None:
            return self.model
        if asked.model not in self.models:
            known = ", ".join(sorted(self.models))
            raise InvalidOption(f"The model {asked.model[:60]!r} is not allowed; allowed: {known}.")
        return asked.model

    def turn_request(
        self, asked: ChatRequest, model: str, message_id: str, schema: ObjectSchema | None
    ) -> TurnRequest:
        """Return what a turn needs to know: what was asked for, and what the server decides.

        Args:
            schema: that the answer has to fit, if it is a document.
        """
        return TurnRequest(
            message_id=message_id,
            model=model,
            messages=asked.messages,
            approval_replies=asked.approval_replies,
            system_prompt=self.system_prompt if schema is None else INSTRUCTION,
            temperature=self.temperature,
            max_output_tokens=self.max_output_tokens,
            max_steps=self.max_steps,
            max_answer_bytes=self.max_answer_bytes,
            response_schema=None if schema is None else schema.for_model(),
            is_large=asked.is_large,
        )
