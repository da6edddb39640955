"""The project's goals for speed and memory, beside what a run found. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contenders import (
    AI_SDK_4,
    FLOOR_ASGI,
    NGINX,
    OURS_ALONE,
    OURS_BOTH,
    OURS_DATA,
    OURS_JWT,
    OURS_MEMORY,
    OURS_ON_LAMBDA,
    OURS_OPENAI,
    OURS_REDIS,
    OURS_SQLITE,
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
        aim: what is worth going on for beyond the bound, if anything.
    """

    what: str
    key: str
    ours: str
    references: Sequence[str] = ()
    at_least: float | None = None
    at_most: float | None = None
    aim: float | None = None


TARGETS: Sequence[Target] = (
    *(
        Target(
            f"{ours}: tokens/s, 16 streams, × {label}",
            "unpaced.16.tokens_per_s",
            ours,
            [reference],
            at_least=bound,
            aim=aim,
        )
        for ours, label, reference, bound, aim in (
            (OURS_DATA, "AI SDK 4", AI_SDK_4, 22, 30),
            (OURS_DATA, "typed", TYPED_STREAM, 42, 52),
            (OURS_UI, "AI SDK 4", AI_SDK_4, 20, 28),
            (OURS_UI, "typed", TYPED_STREAM, 40, 50),
            (OURS_OPENAI, "AI SDK 4", AI_SDK_4, 5, None),
            (OURS_OPENAI, "typed", TYPED_STREAM, 12, None),
        )
    ),
    # Tools, errors, deadlines, protocols, keep-alives and cancel may cost a third on top of it.
    Target(
        "CPU, 16 streams, × floor under uvicorn",
        "unpaced.16.cpu_us",
        OURS_DATA,
        [FLOOR_ASGI],
        at_most=1.33,
    ),
    Target(
        "CPU, 60 paced streams, × best peer",
        "paced.60.cpu_us",
        OURS_DATA,
        PICKED_INSTEAD,
        at_most=0.25,
        aim=0.17,
    ),
    Target(
        "CPU, 60 paced streams, × nginx",
        "paced.60.cpu_us",
        OURS_DATA,
        [NGINX],
        at_most=2.5,
        aim=1.7,
    ),
    # Keeping what is said may not cost the client that asked.
    *(
        Target(f"{ours}: {what}, × without a store", key, ours, [OURS_DATA], at_most=bound)
        for ours, bound in ((OURS_MEMORY, 1.05), (OURS_SQLITE, 1.25), (OURS_REDIS, 1.25))
        for what, key in (
            ("CPU, 16 streams", "unpaced.16.cpu_us"),
            ("CPU, 60 paced streams", "paced.60.cpu_us"),
        )
    ),
    # Who asks is found out at every request.
    Target(
        "a JSON Web Token: CPU a request of 200 tokens, 16 streams, × none",
        "unpaced.16.cpu_us",
        OURS_JWT,
        [OURS_DATA],
        at_most=1.1,
    ),
    *(
        Target(f"failed answers, {streams} paced streams", key, OURS_DATA, at_most=0)
        for streams, key in (("500", "paced.500.lost"), ("2,000", "paced.2000.lost"))
    ),
    Target(
        "added token latency p99, 500 paced streams, × best peer",
        "paced.500.latency_p99",
        OURS_DATA,
        PICKED_INSTEAD,
        at_most=0.4,
        aim=0.25,
    ),
    Target(
        "added first token p50, alone, × best peer",
        "paced.1.first_p50",
        OURS_DATA,
        PICKED_INSTEAD,
        at_most=0.5,
    ),
    Target("memory a paced stream, 500, KiB", "paced.500.memory", OURS_DATA, at_most=16, aim=10),
    # An answer five times as long takes the same: 0, but for the grain of the allocator.
    Target(
        "memory of 100,000 tokens beyond 20,000, bytes a token",
        "memory.growth",
        OURS_DATA,
        at_most=1.5,
        aim=0,
    ),
    Target("memory left by 1,000 answers, MiB", "memory.per_1000", OURS_DATA, at_most=0.1),
    Target(
        "cold start to first token, × typed",
        "cold.first_token",
        OURS_DATA,
        [TYPED_STREAM],
        at_most=0.32,
        aim=0.25,
    ),
    Target(
        "cold start to first token, × AI SDK 4",
        "cold.first_token",
        OURS_DATA,
        [AI_SDK_4],
        at_most=1.2,
        aim=1.0,
    ),
    *(
        Target(
            f"Lambda cold start to the first {what}, × typed",
            f"lambda.{key}",
            OURS_ON_LAMBDA,
            [TYPED_ON_LAMBDA],
            at_most=bound,
            aim=aim,
        )
        for key, what, bound, aim in (
            ("poll", "event asked for", 0.5, None),
            ("first_byte", "byte of an answer", 0.36, 0.28),
        )
    ),
    Target(
        "two workers, answers of 20 tokens, × one, without the load's share",
        "workers.short.alone",
        OURS_BOTH,
        [OURS_ALONE],
        at_least=1.8,
    ),
    # The same as measured, on two cores that also hold the mock and the load generator.
    Target(
        "two workers, answers of 20 tokens, × one, with the load beside them",
        "workers.short.tokens_per_s",
        OURS_BOTH,
        [OURS_ALONE],
        at_least=1.6,
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
        aim = "–" if target.aim is None else f"{target.aim:g}"
        shown = times(value) if target.references else number(value, 2)
        verdict = "yes" if reached(target, value) else "**no**"
        rows.append([target.what, bound, aim, shown, verdict])
    if not rows:
        return ""
    return "### Targets\n\n" + markdown(["target", "bound", "aim", "found", "reached"], rows)
