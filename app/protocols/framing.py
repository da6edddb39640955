"""Events of a turn in, frames out: the grammar and the encoder, joined.

One frame holds all that one network read of the model brought, so that it leaves in one write.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from app.events import Abort, Error, Event, Finish, StepEnd, StepStart, Terminal, TextDelta
from app.grammar import Order, State
from app.protocols.encoder import Encoder
from app.protocols.last_step import LastStep

_TERMINALS = (Finish, Abort, Error)


class Framer:
    """Turns the events of one turn into frames.

    Args:
        encoder: the protocol, new for this turn.
        earlier_calls: ``tool_call_id → tool_name`` of the calls in the history that this turn
            answers.
    """

    def __init__(self, encoder: Encoder, earlier_calls: Mapping[str, str] | None = None) -> None:
        self._order = Order(earlier_calls)
        self._last_step = LastStep()
        self._check = self._order.check
        self._encode = encoder.encode
        self._note: Callable[[Event], None] | None = None

    @property
    def state(self) -> State:
        """Where the turn is."""
        return self._order.state

    def tell(self, note: Callable[[Event], None]) -> None:
        """Call ``note`` with each event that is sent, those that the framer adds among them."""
        self._note = note

    def frame(self, events: Iterable[Event]) -> bytes:
        """Return the bytes of ``events``, which may be empty where the protocol has no words.

        An `Error` or `Abort` first answers the tool calls that are still owed one. A turn that
        would end on answered calls gets a step without any, so that no client posts them again.

        Raises:
            OrderError: the events are not a turn (a defect of ours).
        """
        parts = []
        for event in events:
            if type(event) is not TextDelta:  # by far the most common one
                if isinstance(event, _TERMINALS):
                    parts += [self._one(missing) for missing in self._missing(event)]
                self._last_step.add(event)
            self._check(event)
            if self._note is not None:
                self._note(event)
            parts.append(self._encode(event))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _one(self, event: Event) -> bytes:
        self._last_step.add(event)
        self._check(event)
        if self._note is not None:
            self._note(event)
        return self._encode(event)

    def _missing(self, end: Terminal) -> Iterator[Event]:
        """Return what the turn lacks before it may end, each once the one before was sent."""
        if not isinstance(end, Finish):
            why = end.message if isinstance(end, Error) else "The answer was stopped."
            yield from tuple(self._order.closing(why))
        if self._last_step.invites_a_post:
            if self.state is State.IN_STEP:
                yield StepEnd("error" if isinstance(end, Error) else "other")
            yield StepStart()
            if isinstance(end, Finish):
                yield StepEnd(end.finish_reason)
