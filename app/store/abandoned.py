"""Finds the turns whose writer was not heard of for so long that nobody can be waiting for it."""

from collections.abc import Mapping, Sequence

from app.store.store import ABANDONED_S, TurnId


class Abandoned:
    """Watches the beats of running turns from sweep to sweep.

    A beat is compared with what it was, never with the clock: the writer's may be an hour off, and
    who starts in the morning has seen nothing of the turns of last night.
    """

    def __init__(self) -> None:
        self._seen: dict[TurnId, tuple[int, float]] = {}

    def among(self, running: Mapping[TurnId, int], now: float) -> Sequence[TurnId]:
        """Return those of ``running`` whose beat has stood still for `ABANDONED_S`.

        Args:
            running: the beats of all turns that run.
            now: seconds of any clock, the same in each call.
        """
        seen = self._seen
        self._seen = {
            turn: seen[turn] if turn in seen and seen[turn][0] == beat else (beat, now)
            for turn, beat in running.items()
        }
        return [turn for turn, (_, since) in self._seen.items() if now - since >= ABANDONED_S]
