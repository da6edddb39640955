"""What becomes of a server whose worker has ended: the rule, without the processes.

A worker that has served is replaced, however often. One that ends before it can serve would do so
for ever: after some tries in a row the whole server ends, and at once if the first start has failed
for a reason that another try cannot mend.
"""

from dataclasses import dataclass
from typing import TypeAlias

# Between the failed starts in a row, in seconds: after the last the server ends.
_PAUSES_S = (0.0, 1.0, 2.0, 4.0)
# A worker that has served for less than this is replaced after this, in seconds: a start costs a
# processor half a second.
_SHORT_LIFE_S = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker has ended.

    Attributes:
        how: such as ``by SIGKILL`` or ``with status 3``.
        served_s: how long it has served, in seconds; `None` if it has never been ready.
        sentence: what it said of the reason why it cannot serve; ``""`` if it could say nothing.
    """

    how: str
    served_s: float | None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """Start another one, after so many seconds."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the server with this exit status; the sentence says why."""

    sentence: str
    status: int


Decision: TypeAlias = Again | GiveUp


class Restarts:
    """Counts the failed starts of the workers of one server.

    Args:
        pauses_s: between failed starts in a row, in seconds; one more and the server ends.
    """

    def __init__(self, pauses_s: tuple[float, ...] = _PAUSES_S) -> None:
        self._pauses_s = pauses_s
        self._failures = 0
        self._has_served = False

    def one_serves(self) -> None:
        """Note that a worker is ready."""
        self._failures = 0
        self._has_served = True

    def decide(self, ending: Ending) -> Decision:
        """Return what is to be done now that a worker has ended."""
        if ending.served_s is not None:
            return Again(_SHORT_LIFE_S if ending.served_s < _SHORT_LIFE_S else 0.0)
        if ending.sentence and not self._has_served:
            return GiveUp(ending.sentence, 2)
        self._failures += 1
        if self._failures <= len(self._pauses_s):
            return Again(self._pauses_s[self._failures - 1])
        reason = ending.sentence or f"The last one ended {ending.how}."
        return GiveUp(
            f"{self._failures} workers in a row ended before they could serve. {reason}", 1
        )
