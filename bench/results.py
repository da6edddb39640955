"""The figures of a run that are kept, as JSON: what docs/speed.md, its picture and README show.

No I/O. Rounded to four digits, which is more than a run can tell.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bench.table import Figure

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Results:
    """What is kept of a run.

    Attributes:
        date: of its end, as 2026-11-21.
        rounds: of every section.
        machine: the machine, the commit and the load before the run, in a sentence.
        load: how many programs wanted to run then, on average; an idle machine has less than one.
        versions: of everything that was measured, in a sentence.
        figures: by their keys.
    """

    date: str
    rounds: int
    machine: str
    load: float
    versions: str
    figures: Mapping[str, Figure]


def write_results(results: Results, keys: Collection[str]) -> str:
    """Return the results as JSON, with the figures of these keys in their order.

    Raises:
        KeyError: one of them was not measured.
    """
    kept = {
        "date": results.date,
        "rounds": results.rounds,
        "machine": results.machine,
        "load": round(results.load, 2),
        "versions": results.versions,
        "figures": {key: _kept(results.figures[key]) for key in keys},
    }
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def read_results(text: str) -> Results:
    kept = json.loads(text)
    figures = {
        key: Figure(key, figure["label"], figure["values"], figure["digits"])
        for key, figure in kept["figures"].items()
    }
    facts = {name: kept[name] for name in ("date", "rounds", "machine", "load", "versions")}
    return Results(**facts, figures=figures)


def _kept(figure: Figure) -> Mapping[str, object]:
    values = {
        name: float(f"{value:.{DIGITS}g}")
        for name, value in figure.values.items()
        if value is not None
    }
    return {"label": figure.label, "digits": figure.digits, "values": values}
