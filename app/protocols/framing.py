"""Events of a turn in, frames out: the grammar and the encoder, joined.

One frame holds all that one network read of the model brought, so that it leaves in one write.
"""

from collections.abc import Iterable, Mapping

from app.events import Abort, Error, Event
from app.grammar import Order, State
from app.protocols import Encoder


class Framer:
    """Turns the events of one turn into frames.

    Args:
        encoder: the protocol, new for this turn.
        earlier_calls: ``tool_call_id → tool_name`` of the calls in the history that this turn
            answers.
    """

    def __init__(self, encoder: Encoder, earlier_calls: Mapping[str, str] | None = None) -> None:
        self._order = Order(earlier_calls)
        self._check = self._order.check
        self._encode = encoder.encode

    @property
    def state(self) -> State:
        """Where the turn is."""
        return self._order.state

    def frame(self, events: Iterable[Event]) -> bytes:
        """Return the bytes of ``events``, which may be empty where the protocol has no words.

        An `Error` or `Abort` first answers the tool calls that are still owed one.

        Raises:
            OrderError: the events are not a turn (a defect of ours).
        """
        parts = []
        for event in events:
            if isinstance(event, Error | Abort):
                why = event.message if isinstance(event, Error) else "The answer was stopped."
                for answer in tuple(self._order.closing(why)):
                    self._check(answer)
                    parts.append(self._encode(answer))
            self._check(event)
            parts.append(self._encode(event))
        return parts[0] if len(parts) == 1 else b"".join(parts)
