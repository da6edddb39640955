"""How a turn ended: the value from which log line, metrics and HTTP status are made."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from app.events import Error, FinishReason, Usage


class TurnLabels(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies a turn in logs and metrics. Holds no content.

    The owner is a person's name, or as good as one: neither logs nor metrics show it as it is.
    ``trace_id`` is that of a W3C trace, 32 hexadecimal digits; empty if the turn is in none.
    """

    request_id: str
    chat_id: str | None = None
    trace_id: str = ""
    owner: str = ""
    protocol: str = ""
    shape: str = ""
    model: str = ""


class TurnOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a turn ended.

    Attributes:
        status: the HTTP status that was sent, or would have been if the client had stayed.
        finish_reason: ``None`` if the turn was cancelled because its client had left.
        error: why it failed, if it did.
        usage: of all its steps.
        steps: calls to the model.
        first_token_ms: from the request to the first event after the start, if there was one.
        duration_ms: from the request to the end of the turn.
        client_left: whether the client left before the end.
    """

    status: int
    finish_reason: FinishReason | None
    error: Error | None
    usage: Usage
    steps: int
    first_token_ms: float | None
    duration_ms: float
    client_left: bool


# Called once for every turn that is over.
TurnObserver: TypeAlias = Callable[[TurnLabels, TurnOutcome], None]
