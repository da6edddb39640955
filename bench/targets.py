"""The project's goals for speed and memory, beside what a run found. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contenders import (
    AI_SDK_4,
    BARE_LOOP,
    NGINX,
    OURS_DATA,
    OURS_ON_LAMBDA,
    OURS_OPENAI,
    OURS_UI,
    PICKED_INSTEAD,
    TYPED_ON_LAMBDA,
    TYPED_STREAM,
)
from bench.table import Figure, markdown, number, ratio, times


@dataclass(frozen=True, slots=True)
class Target:
    """One figure of ours against a bound.

    Attributes:
        key: the figure, as in `Figure.key`.
        ours: the server of ours that is meant.
        references: the ratio to the lowest of their values is meant; none: the figure itself.
        at_least, at_most: the bound; one of them is set.
    """

    what: str
    key: str
    ours: str
    references: Sequence[str] = ()
    at_least: float | None = None
    at_most: float | None = None


TARGETS: Sequence[Target] = (
    *(
        Target(f"{ours}: tokens/s, 16 streams, × {label}", key, ours, [reference], at_least=bound)
        for key in ("unpaced.16.tokens_per_s",)
        for ours, label, reference, bound in (
            (OURS_DATA, "AI SDK 4", AI_SDK_4, 11),
            (OURS_DATA, "typed", TYPED_STREAM, 25),
            (OURS_UI, "AI SDK 4", AI_SDK_4, 9),
            (OURS_UI, "typed", TYPED_STREAM, 23),
            (OURS_OPENAI, "AI SDK 4", AI_SDK_4, 5),
            (OURS_OPENAI, "typed", TYPED_STREAM, 12),
        )
    ),
    # 5.5 µs where the loop needs 4.7: machines differ, the ratio carries over.
    Target(
        "CPU, 16 streams, × one loop", "unpaced.16.cpu_us", OURS_DATA, [BARE_LOOP], at_most=1.17
    ),
    Target(
        "CPU, 60 paced streams, × best peer",
        "paced.60.cpu_us",
        OURS_DATA,
        PICKED_INSTEAD,
        at_most=0.3,
    ),
    Target("CPU, 60 paced streams, × nginx", "paced.60.cpu_us", OURS_DATA, [NGINX], at_most=2.5),
    Target("failed answers, 500 paced streams", "paced.500.lost", OURS_DATA, at_most=0),
    Target(
        "added token latency p99, 500 paced streams, × best peer",
        "paced.500.latency_p99",
        OURS_DATA,
        PICKED_INSTEAD,
        at_most=0.5,
    ),
    Target(
        "added first token p50, alone, × best peer",
        "paced.1.first_p50",
        OURS_DATA,
        PICKED_INSTEAD,
        at_most=0.5,
    ),
    Target("memory of 100,000 tokens beyond 20,000, MiB", "memory.beyond", OURS_DATA, at_most=0.5),
    Target("memory left by 1,000 answers, MiB", "memory.per_1000", OURS_DATA, at_most=0.1),
    Target(
        "cold start to first token, × typed",
        "cold.first_token",
        OURS_DATA,
        [TYPED_STREAM],
        at_most=0.55,
    ),
    *(
        Target(
            f"Lambda cold start to the first {what}, × typed",
            f"lambda.{key}",
            OURS_ON_LAMBDA,
            [TYPED_ON_LAMBDA],
            at_most=0.5,
        )
        for key, what in (("poll", "event asked for"), ("first_byte", "byte of an answer"))
    ),
)


def value_of(target: Target, figure: Figure) -> float | None:
    """Return the number to compare with the bound; None if it was not measured."""
    value = figure.values.get(target.ours)
    if not target.references:
        return value
    measured = [figure.values.get(name) for name in target.references]
    known = [reference for reference in measured if reference is not None]
    return ratio(value, min(known)) if known else None


def reached(target: Target, value: float) -> bool:
    if target.at_least is not None:
        return value >= target.at_least
    return target.at_most is not None and value <= target.at_most


def render_targets(figures: Mapping[str, Figure]) -> str:
    """Return a table of the targets whose figures were measured; empty if there are none."""
    rows = []
    for target in TARGETS:
        figure = figures.get(target.key)
        value = value_of(target, figure) if figure else None
        if value is None:
            continue
        bound = f"≥ {target.at_least:g}" if target.at_least is not None else f"≤ {target.at_most:g}"
        shown = times(value) if target.references else number(value, 2)
        rows.append([target.what, bound, shown, "yes" if reached(target, value) else "**no**"])
    if not rows:
        return ""
    return "### Targets\n\n" + markdown(["target", "bound", "found", "reached"], rows)
