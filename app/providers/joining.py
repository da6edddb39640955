"""Joins neighbouring deltas of the same kind among the events of one network read."""

from collections.abc import Callable, Iterable

from app.events import Event

MakeDelta = Callable[[str], Event]


class Joiner:
    """Collects the events of one read.

    Two deltas are of the same kind if the same function makes them. A hot loop may append to
    ``pieces`` directly as long as ``make`` is the function that it would pass to `delta`.
    """

    __slots__ = ("_events", "make", "pieces")

    def __init__(self) -> None:
        self._events: list[Event] = []
        self.make: MakeDelta | None = None
        self.pieces: list[str] = []

    def delta(self, make: MakeDelta, text: str) -> None:
        """Add ``text`` (not empty) to the open delta if ``make`` made it; else open another one."""
        if make is not self.make:
            if self.make is not None:
                self._flush()
            self.make = make
        self.pieces.append(text)

    def extend(self, events: Iterable[Event]) -> None:
        """Add events that are not joined."""
        self._flush()
        self._events.extend(events)

    def take(self) -> list[Event]:
        """Return the events in their order."""
        self._flush()
        return self._events

    def _flush(self) -> None:
        if self.make is not None:
            pieces = self.pieces
            self._events.append(self.make(pieces[0] if len(pieces) == 1 else "".join(pieces)))
            self.make = None
            self.pieces = []
