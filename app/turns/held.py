"""What a store has of a turn whose log this process writes."""

from app.store.store import Store, TurnHead, TurnId
from app.turns.patience import patiently


async def held_of(store: Store, turn: TurnId) -> tuple[TurnHead | None, int]:
    """Return the head, None if the turn is unknown, and the number of the log's last batch.

    Raises:
        StoreUnavailable: it cannot be read.
    """
    seq = 0
    while True:
        tail = await patiently(store.fetch(turn, seq))
        if tail is None or not tail.batches:
            return None if tail is None else tail.head, seq
        seq = tail.batches[-1].seq
