"""What may be added to a log: the next batches, and again those that it holds."""

from collections.abc import Collection, Mapping, Sequence

from app.store.store import Batch, TurnId


def by_turn(
    batches: Sequence[Batch], beating: Collection[TurnId]
) -> Mapping[TurnId, Sequence[Batch]]:
    """Return the batches of each turn in their order, also of those that only beat."""
    found: dict[TurnId, list[Batch]] = {turn: [] for turn in beating}
    for batch in batches:
        found.setdefault(batch.turn, []).append(batch)
    return found


def fit(new: Sequence[Batch], held: int) -> bool:
    """Return whether a log of ``held`` batches has no gap once it has ``new`` ones too."""
    if not new:
        return True
    first = new[0].seq
    if first > held + 1:
        return False
    return len(new) == 1 or all(b.seq == first + n for n, b in enumerate(new))
