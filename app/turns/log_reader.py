"""A turn's log as it grows: what is new at each look, in order and without gaps."""

from collections.abc import Sequence

import msgspec

from app.events import Abort, Event, Terminal
from app.store.event_log import LogDefect, decode
from app.store.store import Store, Tail, TurnHead, TurnId
from app.turns.errors import LOST
from app.turns.patience import PATIENCE_S, patience


class Read(msgspec.Struct, frozen=True):
    """What one look has found.

    Attributes:
        head: of the turn, as it was then.
        events: those that are new, up to the defect if there is one.
        has_more: whether there may be more that could be read at once.
        defect: why a batch cannot be read; the next look begins after it.
    """

    head: TurnHead
    events: Sequence[Event]
    has_more: bool
    defect: LogDefect | None = None


def end_of(head: TurnHead) -> Terminal:
    """Return the end of a turn that is over and whose log does not say how."""
    return Abort() if head.state == "stopped" else LOST


class LogReader:
    """Reads the log of one turn from its beginning.

    Args:
        store: holds the log.
        turn: whose log it is.
        patience_s: how long one look may take, in seconds.

    Attributes:
        seq: of the last batch that was read.
    """

    def __init__(self, store: Store, turn: TurnId, *, patience_s: float = PATIENCE_S) -> None:
        self._store = store
        self._turn = turn
        self._patience_s = patience_s
        self.seq = 0

    async def read(self) -> Read | None:
        """Return what is new; None if the turn is unknown, which a deleted one is in the end.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        async with patience(self._patience_s):
            tail = await self._store.fetch(self._turn, self.seq)
        return None if tail is None else self._read(tail)

    async def wait(self, timeout_s: float) -> None:
        """Return when there may be something new, or after the time.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        await self._store.wait(self._turn, self.seq, timeout_s)

    def _read(self, tail: Tail) -> Read:
        events: list[Event] = []
        for batch in tail.batches:
            expected, self.seq = self.seq + 1, batch.seq
            try:
                if batch.seq != expected:
                    raise LogDefect(f"batch {batch.seq} follows batch {expected - 1}")
                events += decode(batch.data)
            except LogDefect as error:
                return Read(tail.head, events, has_more=True, defect=error)
        return Read(tail.head, events, has_more=bool(tail.batches))
