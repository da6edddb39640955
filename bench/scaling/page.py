"""Makes the tables of docs/scaling.md from what was measured (docs/scaling.json).

And that of docs/deploy.md which says what a turn costs in DynamoDB.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.scaling.arithmetic import (
    Flushing,
    Load,
    Parts,
    batches_per_turn,
    processes_for,
    shards_for,
)
from bench.scaling.constants import SERVER_CPU, Constants, Engine, read_constants
from bench.table import markdown
from infra.cost.prices import read_prices

CONSTANTS = Path("docs/scaling.json")
PAGE = Path("docs/scaling.md")
MARK = "<!-- What `make scale` found; `python -m bench.scaling --render` writes it anew. -->"
END_MARK = "<!-- End of what it found. -->"
DEPLOY_PAGE = Path("docs/deploy.md")
DEPLOY_MARK = "<!-- What a turn takes, by `make scale`. -->"

ENGINES = ("sqlite", "redis", "dynamodb")
NAMES = {"sqlite": "SQLite", "redis": "Redis", "dynamodb": "DynamoDB"}
INTERVALS_S = {"sqlite": 0.1, "redis": 0.1, "dynamodb": 0.25}
# An answer of a usual model.
TOKEN_S, TOKENS = 0.05, 200
SIZES = (1_000, 100_000, 1_000_000)
# How much of a core is used at most: the rest is for bursts.
BUSY = 0.6
# Of one machine.
MOST_CORES = 192
# Of one unit, in dollars: on-demand, as `make cost` has it.
DOLLARS = {f"{unit} units": read_prices().of[f"table {unit}"].of(1) for unit in ("write", "read")}
MONTH_S = 30 * 86_400
REDIS_CPU = "CPU µs"
_UNMEASURED = "–"


def publish_again(root: Path) -> None:
    """Make the tables of both pages anew."""
    (root / PAGE).write_text(rendered(root), encoding="utf-8")
    (root / DEPLOY_PAGE).write_text(rendered_deploying(root), encoding="utf-8")


def rendered(root: Path) -> str:
    """Return what the page has to hold."""
    constants = read_constants((root / CONSTANTS).read_text(encoding="utf-8"))
    page = (root / PAGE).read_text(encoding="utf-8")
    before, rest = page.split(MARK)
    return f"{before}{MARK}\n\n{tables(constants)}\n{END_MARK}{rest.split(END_MARK)[1]}"


def rendered_deploying(root: Path) -> str:
    """Return what docs/deploy.md has to hold."""
    constants = read_constants((root / CONSTANTS).read_text(encoding="utf-8"))
    page = (root / DEPLOY_PAGE).read_text(encoding="utf-8")
    before, rest = page.split(DEPLOY_MARK)
    table = turn_in_dynamodb(constants.engines.get("dynamodb"))
    return f"{before}{DEPLOY_MARK}\n\n{table}\n{END_MARK}{rest.split(END_MARK)[1]}"


def turn_in_dynamodb(engine: Engine | None) -> str:
    """Return what a turn takes, and a million of them cost, as Markdown."""
    if engine is None:
        return "Not measured yet.\n"
    load, flushing = Load(1, TOKEN_S, TOKENS), Flushing(INTERVALS_S["dynamodb"])
    batches = batches_per_turn(load, 1, flushing)
    parts = [engine.costs[unit] for unit in DOLLARS]
    whole = [part.of(turns=1, batches=batches, tokens=TOKENS) for part in parts]
    dollars = [1e6 * units * price for units, price in zip(whole, DOLLARS.values(), strict=True)]
    interval_ms = 1000 * flushing.interval_s
    rows = [
        ["a turn: the chat is read, it begins and ends", *(_short(part.turn) for part in parts)],
        [f"each batch of its log, every {interval_ms:.0f} ms", *(_short(p.batch) for p in parts)],
        ["each token", *(_short(part.token) for part in parts)],
        [f"a turn of {TOKENS} tokens in {load.turn_s:.0f} seconds", *map(_short, whole)],
        ["a million of those, in dollars", *map(_short, dollars)],
    ]
    return markdown(["", *DOLLARS], rows)


def tables(constants: Constants) -> str:
    """Return all tables, as Markdown."""
    return "\n".join(
        [
            f"{constants.date}. {constants.machine}\n",
            "**What a turn costs**\n",
            _costs(constants),
            "**The arithmetic beside a real run**\n",
            _checks(constants),
            "**A follower**\n",
            _followers(constants),
            f"**Answers of {TOKENS} tokens, one every {1000 * TOKEN_S:.0f} ms**\n",
            _sizes(constants),
        ]
    )


def _costs(constants: Constants) -> str:
    rows = []
    for name in ENGINES:
        engine = constants.engines.get(name)
        if engine is None:
            rows.append([NAMES[name], "not measured yet", *[_UNMEASURED] * 3])
            continue
        rows += [
            [NAMES[name], what, _short(parts.turn), _short(parts.batch), _short(parts.token)]
            for what, parts in engine.costs.items()
        ]
    return markdown(["store", "counted", "a turn", "+ a batch", "+ a token"], rows)


def _checks(constants: Constants) -> str:
    rows = []
    for name in ENGINES:
        engine = constants.engines.get(name)
        for check in engine.checks if engine is not None else ():
            found = (check.counted, check.arithmetic, check.simulated, check.late)
            rows.append([NAMES[name], check.what, *(f"{value:,.0f}" for value in found)])
    table = markdown(["store", "what", "counted", "arithmetic", "simulation", "if late"], rows)
    loads = [
        f"{NAMES[name]}: {engine.load}."
        for name, engine in constants.engines.items()
        if engine is not None
    ]
    return f"{table}\n{' '.join(loads)}\n"


def _followers(constants: Constants) -> str:
    rows = [
        [NAMES[name], f"{found['cpu_us']:.0f}", f"{found['kib']:.0f}"]
        for name, found in constants.followers.items()
    ]
    return markdown(["store", "CPU µs a frame", "KiB"], rows)


def _sizes(constants: Constants) -> str:
    rows = []
    for streams in SIZES:
        for name in ENGINES:
            engine = constants.engines.get(name)
            cells = [_UNMEASURED] * 4 if engine is None else _size(name, engine, streams)
            rows.append([f"{streams:,}", NAMES[name], *cells])
    head = ["running streams", "store", "server processes", "batches a turn", "batches/s"]
    return markdown([*head, "and so"], rows)


def _size(name: str, engine: Engine, streams: int) -> Sequence[str]:
    load = Load(streams, TOKEN_S, TOKENS)
    flushing = Flushing(INTERVALS_S[name])
    processes = processes_of(engine, load, flushing)
    batches = batches_per_turn(load, processes, flushing)
    per_s = {
        what: load.turns_per_s * parts.of(turns=1, batches=batches, tokens=TOKENS)
        for what, parts in engine.costs.items()
    }
    return [
        f"{processes:,}",
        f"{batches:.0f}",
        f"{load.turns_per_s * batches:,.0f}",
        _so(name, per_s, processes),
    ]


def processes_of(engine: Engine, load: Load, flushing: Flushing) -> int:
    """Return how many server processes a load needs; the batches depend on it in turn."""
    parts = engine.costs[SERVER_CPU]
    processes = 1
    for _ in range(20):
        batches = batches_per_turn(load, processes, flushing)
        of_turn = Parts(parts.turn + parts.batch * batches, 0.0, parts.token)
        needed = processes_for(load, cpu=of_turn, busy=BUSY)
        if needed == processes:
            break
        processes = needed
    return processes


def _so(name: str, per_s: "dict[str, float]", processes: int) -> str:
    match name:
        case "sqlite":
            writes = f"{_short(per_s['log bytes'] / 1e6)} MB of logs a second"
            if processes > MOST_CORES:
                return f"more than one machine can do; {writes}"
            return f"one machine of {processes} cores at least, {writes}"
        case "redis":
            shards = shards_for(per_s[REDIS_CPU], busy=BUSY)
            received = 8 * per_s["bytes received"] / 1e9
            return f"{shards:,} shards, {_short(received)} Gbit/s to them"
        case _:
            dollars = sum(per_s[unit] * price for unit, price in DOLLARS.items())
            units = " and ".join(f"{per_s[unit]:,.0f} {unit}" for unit in DOLLARS)
            return f"{units} a second, ${dollars * MONTH_S:,.0f} a month"


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
