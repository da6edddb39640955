"""Plays the writes of the flushers, tick by tick, and counts what comes of them. No I/O.

It knows no formula: where it and `arithmetic` agree, the formula is right about the flusher's
rules; where both agree with a real run, the rules are those of the program.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.scaling.arithmetic import Flushing

# As `app.turns.flusher.BEAT_S`.
BEAT_S = 0.8
# Sums of times are not exact.
_ROUNDING_S = 1e-9


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a process: when it begins, how fast it speaks, how much it says."""

    process: int
    at: float
    token_s: float
    tokens: int


@dataclass(slots=True)
class Counts:
    """What the store has been asked to do."""

    turns: int = 0
    batches: int = 0
    tokens: int = 0
    flushes: int = 0
    beats: int = 0


@dataclass(slots=True)
class _Process:
    waiting: dict[int, int] = field(default_factory=dict)  # tokens of each turn
    last_end: float = float("-inf")
    last_beat: float = 0.0
    last_for_all: float = 0.0
    next_at: float = float("inf")  # the next write
    ticket: int = 0  # of the next write; an earlier one has been put off
    over: set[int] = field(default_factory=set)


def simulate(turns: Sequence[Turn], flushing: Flushing) -> Counts:
    """Return what processes write that run these turns."""
    counts = Counts()
    processes: dict[int, _Process] = {}
    # time, order of events at the same time, kind, turn or process, ticket
    events: list[tuple[float, int, str, int, int]] = []
    order = iter(range(10**12))
    for number, turn in enumerate(turns):
        processes.setdefault(turn.process, _Process())
        heapq.heappush(events, (turn.at, next(order), "begin", number, 0))
        for n in range(1, turn.tokens + 1):
            heapq.heappush(events, (turn.at + n * turn.token_s, next(order), "token", number, 0))
        over = turn.at + turn.tokens * turn.token_s
        heapq.heappush(events, (over, next(order), "end", number, 0))

    def write_at(number: int, at: float) -> None:
        processes[number].ticket += 1
        processes[number].next_at = at
        heapq.heappush(events, (at, next(order), "write", number, processes[number].ticket))

    while events:
        now, _, kind, number, ticket = heapq.heappop(events)
        if kind == "write":
            process = processes[number]
            if ticket == process.ticket:
                _write(process, now, counts, flushing)
                process.next_at = float("inf")
                if process.waiting:
                    write_at(number, now + flushing.interval_s)
            continue
        turn = turns[number]
        process = processes[turn.process]
        match kind:
            case "begin":
                counts.turns += 1
                if not process.waiting:
                    process.last_beat = process.last_for_all = now
                    write_at(turn.process, now + flushing.interval_s)
                process.waiting[number] = 0
                # That the turn has begun is said with the first token's batch, or before it.
                process.waiting[number] += 1
            case "token":
                counts.tokens += 1
                process.waiting[number] += 1
            case "end":
                process.over.add(number)
                at = max(now, process.last_end + flushing.together_s)
                if at < process.next_at:
                    write_at(turn.process, at)
    return counts


def _write(process: _Process, now: float, counts: Counts, flushing: Flushing) -> None:
    counts.flushes += 1
    is_for_all = now - process.last_for_all >= flushing.interval_s - _ROUNDING_S
    if is_for_all:
        process.last_for_all = now
    is_beat = now - process.last_beat >= BEAT_S
    if is_beat:
        process.last_beat = now
    for turn, said in tuple(process.waiting.items()):
        if turn in process.over:
            counts.batches += 1  # the last batch goes with the end
            del process.waiting[turn]
            process.last_end = now
        elif said and is_for_all:
            counts.batches += 1
            process.waiting[turn] = 0
        elif is_beat:
            counts.beats += 1
    process.over.clear()


def steady(
    streams: int, token_s: float, tokens: int, *, processes: int, seconds: float, seed: int = 1
) -> list[Turn]:
    """Return the turns of so many streams, each of which begins a turn when its last is over."""
    chance = random.Random(seed)
    turns: list[Turn] = []
    for stream in range(streams):
        at = -chance.uniform(0, tokens * token_s)
        while at < seconds:
            turns.append(Turn(stream % processes, at, token_s, tokens))
            at += tokens * token_s
    return turns
