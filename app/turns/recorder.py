"""The log of a running turn, as long as it is not in the store.

A token costs one call of `list.append`. Everything else is done for many at once, when `take` is
called: the events become batches for the store and parts of the turn's message.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, assert_never, get_args

from app.events import Abort, Error, Event, Finish, Start, Terminal, TextDelta
from app.store.event_log import Item, decode, encode, encode_items, item_of
from app.store.store import Batch, State, TurnId
from app.turns.errors import GIVEN_UP
from app.turns.merging import merged
from app.turns.transcript import Transcript

_TERMINALS: tuple[type[Terminal], ...] = get_args(Terminal)
# Of frames; they are four to seven times as long as what the log keeps of them, which should go to
# the store at once when it is 64 KiB.
_FULL_BYTES = 256 * 1024
# How many pieces of text wait for the message to be asked for. One takes some 60 bytes.
_MOST_TEXTS = 256


class Recorder:
    """Collects the events of one turn, in the order in which they are sent.

    Args:
        turn: whose log it is.
        transcript: of the turn's message.
        written: how many batches the log has already.
        on_full: called when much waits to be taken.
        on_close: called when the turn is over.

    Attributes:
        note: takes the next event.
        transcript: knows the events that have been taken, once the turn is over.
        unwritten: batches that are not in the store yet, in order.
        is_closed: whether the turn is over.
        is_unplaced: whether the log was given up and its end, which says so, has no place yet.
    """

    def __init__(
        self,
        turn: TurnId,
        transcript: Transcript,
        *,
        written: int = 0,
        on_full: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        self.transcript = transcript
        self.unwritten: list[Batch] = []
        self.is_closed = False
        self.is_unplaced = False
        self._is_given_up = False
        self._turn = turn
        self._seq = written
        self._on_full = on_full
        self._on_close: Callable[[], None] | None = on_close
        # What the store has, until the turn is over: it may lose the last of it, or all. As bytes
        # and their lengths, since hundreds of small objects would cost several times as much.
        self._written = bytearray()
        self._lengths = array("L")
        self._events: list[Event] = []
        self._texts: list[str] = []
        self.note: Callable[[Event], None] = self._events.append
        self._bytes = 0
        self._end: Terminal | None = None
        self._stored: Transcript | None = None
        self._stored_id = ""

    def begin(self, turn: TurnId, first: Batch | None, continued: Mapping[str, Any] | None) -> None:
        """Let the log begin only now, although events have been noted.

        Args:
            turn: whose log it is.
            first: the batch that the log has already.
            continued: the message as the store has it, if the turn continues one. It need not be
                what the client has posted.
        """
        self._read_texts()
        self._turn = turn
        waiting, self.unwritten = self.unwritten, []
        self._seq = 0 if first is None else 1
        if continued is not None:
            self._stored_id = continued["id"]
            self._stored = Transcript(self._stored_id, continued)
        if self._is_given_up:
            if self._stored is not None:
                # What the results of earlier calls were is lost with the log.
                self._stored.parts += self.transcript.said()
            self.place(self._seq)
        for batch in waiting:
            self._seq += 1
            self.unwritten.append(Batch(turn, self._seq, batch.data))
            if self._stored is not None:
                for event in decode(batch.data):
                    self._stored.add(event)

    def message(self) -> dict[str, Any]:
        """Return the message for the store, as far as its events have been taken."""
        self._read_texts()
        if self._stored is None:
            return self.transcript.message()
        # AI SDK 3.4 and 4 do not name the message that they continue.
        return {**self._stored.message(), "id": self._stored_id}

    @property
    def waiting_bytes(self) -> int:
        """How much is not in the store yet, of what was taken."""
        return sum(len(batch.data) for batch in self.unwritten)

    def give_up(self) -> None:
        """Keep no more for the log than how it ends: it cannot be followed."""
        self.unwritten = []
        self._written.clear()
        del self._lengths[:]
        self._is_given_up = self.is_unplaced = True

    def place(self, held: int) -> None:
        """End a log that was given up.

        Args:
            held: how many batches the store has of it; of a write that failed it may have some.
        """
        self.is_unplaced = False
        self._seq = held + 1
        start = [] if held else [Start(self.transcript.message_id)]
        (data,) = encode([*start, GIVEN_UP])
        self.unwritten = [Batch(self._turn, self._seq, data)]

    def weigh(self, frame_bytes: int) -> None:
        """Count what was sent for the events, so that not too much of them waits."""
        self._bytes += frame_bytes
        if self._bytes >= _FULL_BYTES:
            self._bytes = 0
            self._on_full()

    def take(self) -> None:
        """Make batches of the events that have come since the last time."""
        events = self._events
        if not events:
            return
        self._bytes = 0
        texts = [event.text for event in events if type(event) is TextDelta]
        if len(texts) < len(events):
            odd = events[:]
            events.clear()
            self._take_odd(odd)
            return
        # By far the most common. The message is made of it when it is asked for.
        events.clear()
        self._texts += texts
        if len(self._texts) >= _MOST_TEXTS:
            self._read_texts()
        if not self._is_given_up:
            for data in encode_items(texts):
                self._seq += 1
                self.unwritten.append(Batch(self._turn, self._seq, data))

    def _take_odd(self, events: Sequence[Event]) -> None:
        self._read_texts()
        # Text comes in long rows, and a row of it is read once.
        items: list[Item] = []
        for kind, row in groupby(events, type):
            if kind is TextDelta:
                texts = [event.text for event in row]  # type: ignore[union-attr]
                items += texts
                self._add(TextDelta("".join(texts)))
            else:
                others = list(row)
                items += map(item_of, others)
                for event in merged(others) if len(others) > 1 else others:
                    self._add(event)
        for data in () if self._is_given_up else encode_items(items):
            self._seq += 1
            self.unwritten.append(Batch(self._turn, self._seq, data))
        if isinstance(events[-1], _TERMINALS):
            self._end = events[-1]

    def _read_texts(self) -> None:
        """Add to the message what was said since it was read last."""
        if self._texts:
            self._add(TextDelta("".join(self._texts)))
            self._texts.clear()

    def _add(self, event: Event) -> None:
        self.transcript.add(event)
        if self._stored is not None:
            self._stored.add(event)

    def forget(self, batch: Batch) -> None:
        """Put aside the batches up to ``batch``: they are in the store."""
        unwritten, seq = self.unwritten, batch.seq
        while unwritten and unwritten[0].seq <= seq:
            data = unwritten.pop(0).data
            self._written += data
            self._lengths.append(len(data))

    def write_again(self, held: int = 0) -> bool:
        """Let all be written again that stands behind batch ``held``, which the store has lost.

        Return whether that is so: whether it has lost anything.
        """
        end = len(self._written)
        seq = self._seq - len(self.unwritten)
        again: list[Batch] = []
        while self._lengths and seq > held:
            length = self._lengths.pop()
            again.insert(0, Batch(self._turn, seq, bytes(self._written[end - length : end])))
            end -= length
            seq -= 1
        del self._written[end:]
        self.unwritten[:0] = again
        return bool(again)

    def close(self) -> None:
        """Take the last events. The turn is over, and its last event was a terminal one."""
        self.take()
        self._read_texts()
        self.is_closed = True
        # Let go of, since it knows who owns the recorder: a cycle for the garbage collector.
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    @property
    def state(self) -> State:
        """How the turn has ended, as the store says it."""
        match self._end:
            case None:
                return "running"
            case Finish():
                return "finished"
            case Abort():
                return "stopped"
            case Error():
                return "failed"
            case _:
                assert_never(self._end)
