"""What the server decides about its chat turns."""

import msgspec

from app.errors import InvalidOption
from app.messages import ChatRequest


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
