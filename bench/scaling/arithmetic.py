"""What many running streams need, from what one turn costs: plain arithmetic. No I/O.

A process writes the logs of all its turns together every ``interval_s``, and the end of a turn at
once, or with those of ``together_s`` (`app.turns.flusher`). So a turn's tokens become batches, and
what an engine has to do is a sum of three parts: a turn, a batch, a token.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Streams that run at the same time.

    Attributes:
        streams: how many.
        token_s: time between two tokens of a stream, in seconds.
        tokens: of an answer.
    """

    streams: int
    token_s: float
    tokens: int

    @property
    def turn_s(self) -> float:
        """How long a turn runs, in seconds."""
        return self.tokens * self.token_s

    @property
    def turns_per_s(self) -> float:
        return self.streams / self.turn_s

    @property
    def tokens_per_s(self) -> float:
        return self.streams / self.token_s


@dataclass(frozen=True, slots=True)
class Flushing:
    """When a process writes: each field is in seconds."""

    interval_s: float = 0.1
    together_s: float = 0.02


@dataclass(frozen=True, slots=True)
class Parts:
    """What something costs: ``turn + batch × batches + token × tokens``, in one unit."""

    turn: float
    batch: float
    token: float = 0.0

    def of(self, *, turns: float, batches: float, tokens: float) -> float:
        """Return what so many turns, batches and tokens cost."""
        return self.turn * turns + self.batch * batches + self.token * tokens


def batches_per_turn(load: Load, processes: int, flushing: Flushing) -> float:
    """Return into how many batches a turn's log is cut, the last of them written with its end.

    A write of all turns has a batch of each that has said something since the last one.
    """
    ends_per_s = load.turns_per_s / processes
    # Those that come close together are written together.
    ends_per_s /= 1 + ends_per_s * flushing.together_s
    between_s = _mean_between(2 * flushing.interval_s, ends_per_s, flushing)
    saying_s = _mean_between(load.token_s, ends_per_s, flushing)
    per_s = saying_s / (load.token_s * between_s)
    # The first tells that the turn has begun, and the last how it ended.
    return per_s * load.turn_s + 1


def _mean_between(limit_s: float, ends_per_s: float, flushing: Flushing) -> float:
    """Return the mean of the time between two writes of all turns, each cut at ``limit_s``.

    A write of an end lets the flusher wait for ``interval_s`` anew; all turns are written by the
    first write of any kind after ``interval_s``. Ends come by chance.
    """
    interval_s = flushing.interval_s
    if limit_s <= interval_s:
        return limit_s
    more_s = min(interval_s, limit_s - interval_s)
    if ends_per_s * interval_s < 1e-9:
        return interval_s
    none_before, none_after = (math.exp(-ends_per_s * at) for at in (interval_s, more_s))
    return interval_s + (1 - none_after) / ends_per_s - more_s * none_before


def per_second(parts: Parts, load: Load, processes: int, flushing: Flushing) -> float:
    """Return what the load costs in a second."""
    batches = batches_per_turn(load, processes, flushing)
    return load.turns_per_s * parts.of(turns=1, batches=batches, tokens=load.tokens)


def processes_for(load: Load, *, cpu: Parts, busy: float) -> int:
    """Return how many server processes, each with a core, serve a load.

    Args:
        cpu: microseconds a turn and a token; the store's share is in both.
        busy: how much of a core may be used, from 0 to 1.
    """
    used = load.turns_per_s * cpu.turn + load.tokens_per_s * cpu.token
    return max(1, math.ceil(used / 1e6 / busy))


def shards_for(engine_us_per_s: float, *, busy: float) -> int:
    """Return how many Redis servers, each with one core, do so many microseconds' work a second."""
    return max(1, math.ceil(engine_us_per_s / 1e6 / busy))


def fitted(runs: Sequence[tuple[Mapping[str, float], float]]) -> Parts:
    """Return the parts that explain what runs have cost, by least squares; none is negative.

    Args:
        runs: of each its ``turns``, ``batches`` and ``tokens``, and what it has cost.
    """
    names = ["turns", "batches", "tokens"]
    while True:
        # Relative errors count, since long runs cost more.
        rows = [[run[name] / cost for name in names] for run, cost in runs if cost]
        square = [
            [sum(row[i] * row[j] for row in rows) for j in _places(names)] for i in _places(names)
        ]
        right = [sum(row[i] for row in rows) for i in _places(names)]
        found = dict(zip(names, _solved(square, right), strict=True)) if rows else {}
        wrong = [name for name, value in found.items() if value < 0]
        if not wrong:
            return Parts(*(found.get(name, 0.0) for name in ("turns", "batches", "tokens")))
        names.remove(min(wrong, key=lambda name: found[name]))


def _places(names: Sequence[str]) -> range:
    return range(len(names))


def _solved(square: list[list[float]], right: list[float]) -> list[float]:
    """Return the solution of linear equations, by elimination.

    Raises:
        ValueError: there is no single one: the runs are too much alike.
    """
    rows = [[*row, value] for row, value in zip(square, right, strict=True)]
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        if abs(rows[column][column]) < 1e-18:
            raise ValueError("the runs are too much alike to tell a turn from its batches")
        for row in range(size):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [row[size] / row[place] for place, row in enumerate(rows)]
