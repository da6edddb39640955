"""B: the latency, CPU time and memory that a server adds to a model that speaks at its own pace."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench import processes
from bench.load import Load, Measurement, Percentiles
from bench.running import FILES_PER_STREAM, Bench, Pace, progress
from bench.sections.unpaced import failures
from bench.table import Block, Figure, Section, difference, median

# Of the core that the mock, the load generator and this program share: above it they, not the
# servers, may be what is late.
TOO_BUSY = 0.8


@dataclass(frozen=True, slots=True)
class Paced:
    """One measurement, beside one of the same load on the mock itself.

    Attributes:
        idle_rss: the warm server's memory before any paced load, in bytes.
    """

    run: Measurement
    direct: Measurement
    pace: Pace
    idle_rss: int

    @property
    def growth_kib_per_stream(self) -> float:
        return (self.run.peak_rss - self.idle_rss) / self.pace.streams / 1024


Runs = Mapping[tuple[str, int], Sequence[Paced]]
"""By the server's name and the number of streams."""


def measure(bench: Bench) -> Section:
    plan = bench.plan
    runs: dict[tuple[str, int], list[Paced]] = {}
    paces = [pace for pace in plan.paces if pace.streams * FILES_PER_STREAM <= bench.files]
    with bench.start_all_warm(bench.contenders_of("B")) as servers:
        idle_rss = {server.contender.name: processes.rss(server.pid) for server in servers}
        for number in range(plan.rounds):
            for pace in paces:
                if number >= pace.most_rounds:
                    continue
                progress(f"B round {number + 1} of {plan.rounds}, {pace.streams} streams")
                load, delay_us = paced_load(pace), pace.delay_ms * 1000
                direct = bench.put_directly(load, delay_us=delay_us)
                for server in servers:
                    if not server.contender.is_in("B", pace.streams):
                        continue
                    name = server.contender.name
                    run = bench.put(server, load, delay_us=delay_us)
                    paced = Paced(run, direct, pace, idle_rss[name])
                    runs.setdefault((name, pace.streams), []).append(paced)
                    bench.wait_until_idle(server)
    return Section(
        title="B. A model that speaks at its own pace",
        method=(
            "Added: minus the same percentile of the same load on the mock itself, in the same "
            "round. First token: from the request to the first token. Token latency: from the "
            "mock's write to the client's read. "
            f"Rounds: {plan.rounds}, medians. Memory: growth of the resident set over the "
            "warm, idle server, of the first round, in which each level is the highest so far. "
            "A server that cannot keep the pace shows latencies of overload."
        ),
        blocks=[_block(pace, runs) for pace in paces],
        remarks=[
            *(sentence for pace in paces for sentence in share_of_the_load(pace, runs)),
            *(
                f"Not measured: {pace.streams:,} streams; at most {bench.files:,} files may be "
                "open (ulimit -Hn)."
                for pace in plan.paces
                if pace not in paces
            ),
            *failures({key: [paced.run for paced in of] for key, of in runs.items()}),
        ],
    )


def paced_load(pace: Pace) -> Load:
    in_time_s = pace.tokens * pace.delay_ms / 1000 * pace.answers + pace.ramp_ms / 1000
    return Load(
        streams=pace.streams,
        answers=pace.streams * pace.answers,
        tokens=pace.tokens,
        ramp_ms=pace.ramp_ms,
        timeout_s=in_time_s * 4 + 10,  # an overloaded server is late, not wrong
        latency=True,
    )


def share_of_the_load(pace: Pace, runs: Runs) -> list[str]:
    """Say how busy the mock and the load generator were: where they are late, servers look late."""
    busy = {
        name: max(paced.run.load_cores for paced in of_server)
        for (name, streams), of_server in runs.items()
        if streams == pace.streams
    }
    if not busy:
        return []
    name = max(busy, key=lambda name: busy[name])
    warning = " Too busy: latencies here are theirs." if busy[name] > TOO_BUSY else ""
    sentence = (
        f"{_counted(pace)}: the mock and the load generator used at most "
        f"{busy[name]:.0%} of their core (beside {name}).{warning}"
    )
    return [sentence]


def _counted(pace: Pace) -> str:
    return "1 stream" if pace.streams == 1 else f"{pace.streams:,} streams"


def _block(pace: Pace, runs: Runs) -> Block:
    streams = pace.streams
    at_level = {name: of_server for (name, level), of_server in runs.items() if level == streams}

    def column(key: str, label: str, digits: int, value: Callable[[Paced], float | None]) -> Figure:
        values = {name: median(map(value, of_server)) for name, of_server in at_level.items()}
        return Figure(f"paced.{streams}.{key}", label, values, digits)

    growth = {name: of_server[0].growth_kib_per_stream for name, of_server in at_level.items()}
    lost = {
        name: float(sum(paced.run.failed for paced in of_server))
        for name, of_server in at_level.items()
    }
    return Block(
        caption=f"{_counted(pace)}, a token every {pace.delay_ms} ms, answers of {pace.tokens}",
        figures=[
            column("first_p50", "added first token p50 ms", 2, _first_token(lambda p: p.p50)),
            column("first_p99", "p99 ms", 2, _first_token(lambda p: p.p99)),
            column("latency_p50", "added token latency p50 ms", 3, _latency(lambda p: p.p50)),
            column("latency_p99", "p99 ms", 3, _latency(lambda p: p.p99)),
            column("cpu_us", "CPU µs/token", 1, lambda paced: paced.run.cpu_us_per_token),
            Figure(f"paced.{streams}.memory", "memory KiB/stream", growth),
            Figure(f"paced.{streams}.lost", "failed answers", lost, compared=False),
        ],
    )


def _first_token(of: Callable[[Percentiles], float]) -> Callable[[Paced], float | None]:
    return lambda paced: _added(paced.run.first_token, paced.direct.first_token, of)


def _latency(of: Callable[[Percentiles], float]) -> Callable[[Paced], float | None]:
    return lambda paced: _added(paced.run.latency, paced.direct.latency, of)


def _added(
    measured: Percentiles | None, direct: Percentiles | None, of: Callable[[Percentiles], float]
) -> float | None:
    return difference(
        None if measured is None else of(measured), None if direct is None else of(direct)
    )
