"""Events of a turn in, frames out: joins the grammar and an encoder.

A frame holds everything that one network read of the model brought, so that it leaves in one write.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import get_args

from app.events import (
    Error,
    Event,
    File,
    Finish,
    Source,
    StepEnd,
    StepStart,
    Terminal,
    TextDelta,
)
from app.grammar import Order, State
from app.protocols.encoder import Encoder
from app.protocols.last_step import LastStep
from app.protocols.page_url import is_harmless

_TERMINALS: tuple[type[Terminal], ...] = get_args(Terminal)


class Framer:
    """Turns the events of one turn into frames.

    Args:
        encoder: the protocol's encoder, new for this turn.
        earlier_calls: as for `Order`.
        continues: whether the turn continues a message that the client has; its encoder has to
            know that too.
    """

    __slots__ = ("_check", "_encode", "_last_step", "_observer", "_order")

    def __init__(
        self,
        encoder: Encoder,
        earlier_calls: Mapping[str, str] | None = None,
        *,
        continues: bool = False,
    ) -> None:
        self._order = Order(earlier_calls)
        self._last_step = LastStep(continues=continues)
        self._check = self._order.check
        self._encode = encoder.encode
        self._observer: Callable[[Event], None] | None = None

    @property
    def state(self) -> State:
        """Where the turn is."""
        return self._order.state

    def observe(self, observer: Callable[[Event], None]) -> None:
        """Call ``observer`` with each event that is sent, including those that the framer adds."""
        self._observer = observer

    def frame(self, events: Iterable[Event]) -> bytes:
        """Return the bytes of ``events``; ``b""`` if the protocol has nothing for any of them.

        Before an `Error` or `Abort` the calls that are still owed a result are closed. A turn that
        would end on settled calls gets one more step without calls, so that no client posts them
        again. Sources and files whose URL is no use to a page but to run there are left out.

        Raises:
            OrderError: the events break the grammar (a defect of ours).
        """
        parts = []
        check, observe, encode = self._check, self._observer, self._encode
        for event in events:
            if type(event) is TextDelta:  # by far the most common event
                check(event)
                if observe is not None:
                    observe(event)
                parts.append(encode(event))
                continue
            if isinstance(event, _TERMINALS):
                parts += [self._one(missing) for missing in self._missing(event)]
            parts.append(self._one(event))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _one(self, event: Event) -> bytes:
        by_provider = self._check(event) == "provider"
        if isinstance(event, Source | File) and not is_harmless(event):
            return b""
        if not by_provider:
            self._last_step.add(event)
        if self._observer is not None:
            self._observer(event)
        return self._encode(event, by_provider)

    def _missing(self, end: Terminal) -> Iterator[Event]:
        """Yield the events that the turn still needs before ``end``.

        Each has to be sent before the next is asked for: the next depends on it.
        """
        if not isinstance(end, Finish):
            why = end.message if isinstance(end, Error) else "The answer was stopped."
            yield from tuple(self._order.closing(why))
        if self._last_step.invites_a_post and self.state is not State.IDLE:
            if self.state is State.IN_STEP:
                yield StepEnd("error" if isinstance(end, Error) else "other")
            yield StepStart()
            if isinstance(end, Finish):
                yield StepEnd(end.finish_reason)
