"""What was measured of the stores, as JSON: docs/scaling.md is made from it. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from bench.scaling.arithmetic import Parts

DIGITS = 4
# What each engine's costs have: the CPU of the server processes.
SERVER_CPU = "server CPU µs"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was counted in a real run of several processes, and computed for it.

    Attributes:
        late: the simulation, with ticks as late as a sleep was in the run.
    """

    what: str
    counted: float
    arithmetic: float
    simulated: float
    late: float

    @property
    def error(self) -> float:
        """How far the count is outside of what was computed, as a share of it.

        A flusher is late on a busy machine, but no more than whoever sleeps there.
        """
        computed = (self.arithmetic, self.simulated, self.late)
        return max(0.0, self.counted / max(computed) - 1, 1 - self.counted / min(computed))


@dataclass(frozen=True, slots=True)
class Engine:
    """A store's engine.

    Attributes:
        costs: by what is counted: commands, bytes, microseconds.
        checks: against the run of several processes.
        load: of that run, in a sentence.
    """

    costs: Mapping[str, Parts]
    checks: tuple[Check, ...]
    load: str


@dataclass(frozen=True, slots=True)
class Constants:
    """All that was measured. An engine that was not is None.

    Attributes:
        date: as 2026-11-21.
        followers: by engine, what one of many followers of a process costs: ``cpu_us`` a batch,
            ``kib`` of memory, and ``connections`` of the engine for all of them.
    """

    date: str
    machine: str
    engines: Mapping[str, Engine | None]
    followers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def write_constants(constants: Constants) -> str:
    return json.dumps(_rounded(asdict(constants)), indent=1, ensure_ascii=False) + "\n"


def read_constants(text: str) -> Constants:
    kept = json.loads(text)
    kept["engines"] = {
        name: None if engine is None else _engine(engine)
        for name, engine in kept["engines"].items()
    }
    return Constants(**kept)


def _engine(kept: "Mapping[str, object]") -> Engine:
    costs: Mapping[str, Mapping[str, float]] = kept["costs"]  # type: ignore[assignment]
    checks: list[Mapping[str, object]] = kept["checks"]  # type: ignore[assignment]
    return Engine(
        {name: Parts(**parts) for name, parts in costs.items()},
        tuple(Check(**check) for check in checks),  # type: ignore[arg-type]
        str(kept["load"]),
    )


def _rounded(value: object) -> object:
    match value:
        case float():
            return float(f"{value:.{DIGITS}g}")
        case dict():
            return {key: _rounded(one) for key, one in value.items()}
        case list() | tuple():
            return [_rounded(one) for one in value]
        case _:
            return value
