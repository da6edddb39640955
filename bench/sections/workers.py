"""F: what a second worker process brings on two cores.

Both cores have to hold the mock and the load generator too, unless the machine has more. Of answers
of few tokens nearly all of the cost is the server's, so that two workers can come close to twice
the rate as it is measured; what the load takes of the rest is measured too, and computed out.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.contenders import (
    OURS_ALONE,
    OURS_BOTH,
    TYPED_ALONE,
    TYPED_BOTH,
    ours,
    under_uvicorn,
)
from bench.load import Load, Measurement
from bench.processes import started_on
from bench.running import Bench, Cores, Pace, progress
from bench.sections.paced import paced_load
from bench.sections.unpaced import answers_for, failures
from bench.servers import Contender, Server
from bench.table import Block, Figure, Section, difference, median

CORES = WORKERS = 2
STREAMS = 32
SHORT, LONG = 20, 200
PACE = Pace(500, tokens=60, ramp_ms=500)

OURS = (OURS_ALONE, OURS_BOTH)

# How long the busy loops count that tell what the machine's two cores are worth, in seconds.
COUNT_S = 0.3
_COUNT = f"""
from time import perf_counter
count, end = 0, perf_counter() + {COUNT_S}
while perf_counter() < end:
    count += 1
print(count)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement of a server.

    Attributes:
        shares_cores: whether the mock and the load generator ran on the server's cores.
        direct: of the same load on the mock itself; paced only.
    """

    workers: int
    of: Measurement
    shares_cores: bool
    direct: Measurement | None = None


Runs = dict[tuple[str, str], list[Run]]
"""By the kind of load and the server's name."""


def measure(bench: Bench) -> Section:
    cores = two_cores(bench.available)
    is_shared = not set(cores.server).isdisjoint(cores.load)
    contenders, workers = _contenders(), {OURS_BOTH: WORKERS, TYPED_BOTH: WORKERS}
    runs: Runs = {}
    with bench.with_cores(cores) as ground, ground.start_all_warm(contenders) as servers:
        for number in range(bench.plan.rounds):
            progress(f"F round {number + 1} of {bench.plan.rounds}")
            direct = ground.put_directly(paced_load(PACE), delay_us=PACE.delay_ms * 1000)
            for server in servers:
                name = server.contender.name
                for kind, run in _loads(ground, server, runs):
                    paced_beside = direct if kind == "paced" else None
                    runs.setdefault((kind, name), []).append(
                        Run(workers.get(name, 1), run, is_shared, paced_beside)
                    )
        worth = worth_of(sorted(cores.server))
    return Section(
        title="F. More than one core: two workers on two cores",
        method=(
            f"{STREAMS} streams of a model that never waits, answers of {SHORT} and of {LONG} "
            f"tokens, and {PACE.streams} streams with a token every {PACE.delay_ms} ms. "
            f"Rounds that visit all servers in turn: {bench.plan.rounds}, medians. Cores: CPU time "
            "over wall time, of all processes of the server, and of the mock with the load "
            "generator. Busiest: the share of the busiest worker in the server's CPU time. "
            + (_SHARED if is_shared else "The mock and the load generator have other cores.")
            + " Alone: the rate had the workers for themselves what the load took of their cores. "
            "Full cores: the rate had they nothing to wait for, from CPU per token alone; where "
            "other programs are busy, it is the one to look at."
        ),
        blocks=[
            _block(f"answers of {SHORT} tokens", "short", runs),
            _block(f"answers of {LONG} tokens", "long", runs),
            _paced_block(runs),
        ],
        remarks=[
            f"Two busy loops at once counted {worth:.2f} × as far as one alone, on the same cores.",
            *failures(
                {
                    (f"{name}, {kind}", PACE.streams if kind == "paced" else STREAMS): [
                        run.of for run in of_server
                    ]
                    for (kind, name), of_server in runs.items()
                }
            ),
        ],
        names=[contender.name for contender in contenders],
        references={"one": OURS_ALONE, "typed, one": TYPED_ALONE},
        rows="two cores",
    )


_SHARED = (
    "There are no other cores: the mock and the load generator share these two with the server, "
    "so two workers cannot do quite twice what one does."
)


def two_cores(cores: Sequence[int]) -> Cores:
    """Return two cores for the server and the others for the load; with only two, both for both."""
    return Cores(server=set(cores[:2]), load=set(cores[2:]) or set(cores[:2]))


def _contenders() -> list[Contender]:
    workers = str(WORKERS)
    return [
        ours(OURS_ALONE, "data"),
        ours(OURS_BOTH, "data", CHAT_WORKERS=workers),
        under_uvicorn(TYPED_ALONE, "typed_stream"),
        under_uvicorn(TYPED_BOTH, "typed_stream", options=("--workers", workers)),
    ]


def _loads(bench: Bench, server: Server, earlier: Runs) -> Iterator[tuple[str, Measurement]]:
    """Put each kind of load on the server, once."""
    for kind, tokens in (("short", SHORT), ("long", LONG)):
        if kind == "short" or server.contender.name in OURS:
            before = [run.of for run in earlier.get((kind, server.contender.name), ())]
            answers = answers_for(bench, server, STREAMS, tokens, before)
            yield kind, bench.put(server, Load(STREAMS, answers, tokens))
    if server.contender.name in OURS:
        yield "paced", bench.put(server, paced_load(PACE), delay_us=PACE.delay_ms * 1000)
        bench.wait_until_idle(server)


def rate_alone(run: Run) -> float:
    """Return the tokens/s that the server would have, were all of its cores its own. Computed.

    With fewer workers than cores they are: the mock and the load generator find another.
    """
    taken = run.of.load_cores if run.shares_cores else 0.0
    left = min(run.workers, CORES - taken)
    return run.of.tokens_per_s * run.workers / left


def capacity(run: Run) -> float:
    """Return the tokens/s of as many full cores as there are workers. Computed, from CPU alone."""
    return run.of.tokens / run.of.cpu_s * run.workers


def _block(caption: str, kind: str, runs: Runs) -> Block:
    column = _columns(kind, runs)
    figures = [
        column("tokens_per_s", "tokens/s", 0, lambda run: run.of.tokens_per_s),
        column("cpu_us", "CPU µs/token", 2, lambda run: run.of.cpu_us_per_token),
        *_use(column),
        column("alone", "computed: tokens/s alone", 0, rate_alone),
        column("capacity", "tokens/s of full cores", 0, capacity),
    ]
    return Block(caption, figures)


def _paced_block(runs: Runs) -> Block:
    column = _columns("paced", runs)

    def added_p99(run: Run) -> float | None:
        if run.of.latency is None or run.direct is None or run.direct.latency is None:
            return None
        return difference(run.of.latency.p99, run.direct.latency.p99)

    return Block(
        f"{PACE.streams} streams, a token every {PACE.delay_ms} ms",
        [
            column("latency_p99", "added token latency p99 ms", 2, added_p99),
            column("cpu_us", "CPU µs/token", 1, lambda run: run.of.cpu_us_per_token),
            *_use(column),
        ],
    )


_Column = Callable[[str, str, int, Callable[[Run], float | None]], Figure]


def _columns(kind: str, runs: Mapping[tuple[str, str], Sequence[Run]]) -> _Column:
    def column(key: str, label: str, digits: int, value: Callable[[Run], float | None]) -> Figure:
        values = {
            name: median(map(value, of_server))
            for (of_kind, name), of_server in runs.items()
            if of_kind == kind
        }
        compared = key not in ("cores", "load_cores", "busiest")
        return Figure(f"workers.{kind}.{key}", label, values, digits, compared)

    return column


def _use(column: _Column) -> list[Figure]:
    return [
        column("cores", "cores", 2, lambda run: run.of.cores),
        column("load_cores", "cores of the load", 2, lambda run: run.of.load_cores),
        column("busiest", "busiest, %", 0, lambda run: run.of.busiest_cpu_s / run.of.cpu_s * 100),
    ]


def worth_of(cores: Sequence[int]) -> float:
    """Return how far busy loops on all the cores count at once, as a multiple of one alone."""
    alone = sum(_counted(cores[:1]))
    return sum(_counted(cores)) / alone


def _counted(cores: Sequence[int]) -> list[int]:
    counting = []
    for core in cores:
        with started_on({core}):
            counting.append(
                subprocess.Popen([sys.executable, "-S", "-c", _COUNT], stdout=subprocess.PIPE)
            )
    return [int(process.communicate()[0]) for process in counting]
