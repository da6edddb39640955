"""What docs/speed.md and README show of a run's results, as Markdown. No I/O.

The tables stand between two marks in the pages; what stands around them is written by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.contenders import (
    AI_SDK_4,
    AI_SDK_LATEST,
    NGINX,
    OURS_ALONE,
    OURS_DATA,
    OURS_OPENAI,
    OURS_UI,
    REFERENCES,
    TYPED_ALONE,
    TYPED_ON_LAMBDA,
    TYPED_STREAM,
)
from bench.results import Results
from bench.table import markdown, ratio, side_by_side, times
from bench.targets import TARGETS, render_targets

MARK = "<!-- What `make bench BENCH=--speed` found; `make bench BENCH=--render` writes it anew. -->"
END_MARK = "<!-- End of what it found. -->"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of docs/speed.md.

    Attributes:
        columns: the label of a figure, by its key.
        references: what its figures are compared with, short label to the server's name; None:
            the bench's own.
    """

    caption: str
    columns: Mapping[str, str]
    references: Mapping[str, str] | None = None
    rows: str = "one core"


TABLES: Sequence[Table] = (
    Table(
        "A model that never waits, 16 streams, answers of 200 tokens",
        {"unpaced.16.tokens_per_s": "tokens/s", "unpaced.16.cpu_us": "CPU µs/token"},
    ),
    Table(
        "60 streams, a token every 20 ms",
        {
            "paced.60.cpu_us": "CPU µs/token",
            "paced.60.latency_p50": "added token latency p50, ms",
        },
    ),
    Table(
        "500 streams, a token every 20 ms: more than a core of Python can do",
        {
            "paced.500.latency_p99": "added token latency p99, ms",
            "paced.500.memory": "memory KiB/stream",
        },
    ),
    Table(
        "2,000 streams, a token every 200 ms",
        {
            "paced.2000.latency_p99": "added token latency p99, ms",
            "paced.2000.memory": "memory KiB/stream",
        },
    ),
    Table("From the start of the process to the first token", {"cold.first_token": "ms"}),
    Table(
        "The same on AWS Lambda, from the start of the runtime to the first byte",
        {"lambda.first_byte": "ms"},
        {"typed": TYPED_ON_LAMBDA},
    ),
    Table(
        "Two workers on two cores, answers of 20 tokens",
        {
            "workers.short.tokens_per_s": "tokens/s",
            "workers.short.alone": "tokens/s without the load's share",
            "workers.short.capacity": "tokens/s of full cores",
        },
        {"one": OURS_ALONE, "typed, one": TYPED_ALONE},
        rows="two cores",
    ),
)

README_ROWS = (OURS_DATA, OURS_UI, OURS_OPENAI, AI_SDK_LATEST, NGINX)
README_COLUMNS = {
    "unpaced.16.tokens_per_s": "tokens/s",
    "paced.60.cpu_us": "CPU a paced token",
    "cold.first_token": "start to first token",
}
README_REFERENCES = {"AI SDK 4": AI_SDK_4, "typed": TYPED_STREAM}

# A load before the run above which the machine had other work, too.
BUSY = 1.0
_BUSY_REMARK = (
    "**Other programs kept the machine busy meanwhile**: times mean nothing here, ratios little, "
    "and what two workers do nothing at all.\n"
)

KEYS = tuple(
    dict.fromkeys(
        [
            *(key for table in TABLES for key in table.columns),
            *README_COLUMNS,
            *(target.key for target in TARGETS),
        ]
    )
)
"""The figures that are kept."""


def render_speed(results: Results) -> str:
    """Return what docs/speed.md shows."""
    counted = "one round" if results.rounds == 1 else f"{results.rounds} rounds, medians"
    parts = [f"{results.date}, {counted}.\n", f"{results.machine}\n", f"{results.versions}\n"]
    if results.load > BUSY:
        parts.insert(1, _BUSY_REMARK)
    for table in TABLES:
        figures = [
            replace(results.figures[key], label=label)
            for key, label in table.columns.items()
            if key in results.figures
        ]
        names = list(dict.fromkeys(name for figure in figures for name in figure.values))
        if names:
            references = REFERENCES if table.references is None else table.references
            body = side_by_side(figures, names, references, table.rows)
            parts.append(f"**{table.caption}**\n\n{body}")
    parts.append(render_targets(results.figures))
    return "\n".join(parts)


def render_readme(results: Results) -> str:
    """Return README's table: ratios only."""
    head = ["one core"]
    for label in README_COLUMNS.values():
        first, *others = README_REFERENCES
        head += [f"{label}: × {first}", *(f"× {other}" for other in others)]
    rows = []
    for name in README_ROWS:
        row = [name]
        for key in README_COLUMNS:
            values = results.figures[key].values
            row += [
                times(ratio(values.get(name), values.get(other)))
                for other in README_REFERENCES.values()
            ]
        if set(row[1:]) != {times(None)}:
            rows.append(row)
    table = markdown(head, rows)
    return f"{_BUSY_REMARK}\n{table}" if results.load > BUSY else table


def with_figures(page: str, figures: str) -> str:
    """Return the page with these figures between its marks.

    Raises:
        ValueError: the page has not exactly one of each mark.
    """
    if page.count(MARK) != 1 or page.count(END_MARK) != 1:
        raise ValueError("the marks of the figures are missing")
    before, rest = page.split(MARK)
    after = rest.split(END_MARK)[1]
    return f"{before}{MARK}\n\n{figures}\n{END_MARK}{after}"
