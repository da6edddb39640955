"""How much a caller may use, and what a rule of the application's own is asked."""

import msgspec
from starlette.requests import Request


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much somebody may use; None: however much.

    Attributes:
        turns_per_minute: turns that may begin within a minute.
        running_turns: turns that may run at once.
        tokens_per_day: input and output tokens, as the model reports them, after which no turn
            begins until 00:00 UTC.
        counted_as: what is counted under one name is counted apart from what is counted under
            another, such as the name of a model.
    """

    turns_per_minute: int | None = None
    running_turns: int | None = None
    tokens_per_day: int | None = None
    counted_as: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is limited."""
        return self.turns_per_minute is self.running_turns is self.tokens_per_day is None


class LimitRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to begin a turn.

    Attributes:
        owner: as `authenticate` says; ``""`` where nobody is known.
        model: that is to be asked.
        request: of the application, with its headers and ``state``.
    """

    owner: str
    model: str
    request: Request
