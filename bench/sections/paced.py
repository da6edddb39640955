"""B: the latency, CPU time and memory that a server adds to a model that speaks at its own pace."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench import processes
from bench.load import Load, Measurement, Percentiles
from bench.running import Bench, progress
from bench.sections.unpaced import failures
from bench.table import Block, Figure, Section, difference, median

DELAY_MS = 20
RAMP_MS = 1000
# A single stream has one first token per answer; one answer a round would be too few.
ANSWERS_ALONE = 3


@dataclass(frozen=True, slots=True)
class Paced:
    """One measurement, beside one of the same load on the mock itself.

    Attributes:
        idle_rss: the warm server's memory before any paced load, in bytes.
    """

    run: Measurement
    direct: Measurement
    streams: int
    idle_rss: int

    @property
    def growth_kib_per_stream(self) -> float:
        return (self.run.peak_rss - self.idle_rss) / self.streams / 1024


Runs = Mapping[tuple[str, int], Sequence[Paced]]


def measure(bench: Bench) -> Section:
    plan = bench.plan
    runs: dict[tuple[str, int], list[Paced]] = {}
    delay_us = DELAY_MS * 1000
    with bench.start_all_warm() as servers:
        idle_rss = {server.contender.name: processes.rss(server.pid) for server in servers}
        for number in range(plan.paced_rounds):
            for streams in plan.paced_streams:
                progress(f"B round {number + 1} of {plan.paced_rounds}, {streams} streams")
                load = paced_load(streams, plan.paced_tokens)
                direct = bench.put_directly(load, delay_us=delay_us)
                for server in servers:
                    name = server.contender.name
                    run = bench.put(server, load, delay_us=delay_us)
                    paced = Paced(run, direct, streams, idle_rss[name])
                    runs.setdefault((name, streams), []).append(paced)
    return Section(
        title=f"B. A token every {DELAY_MS} ms: answers of {plan.paced_tokens} tokens",
        method=(
            "Added: minus the same percentile of the same load on the mock itself, in the same "
            "round. First token: from the request to the first token. Token latency: from the "
            "mock's write to the client's read. "
            f"Rounds: {plan.paced_rounds}, medians. Memory: growth of the resident set over the "
            "warm, idle server, of the first round, in which each level is the highest so far. "
            "A server that cannot keep the pace shows latencies of overload."
        ),
        blocks=[_block(streams, runs) for streams in plan.paced_streams],
        remarks=failures({key: [paced.run for paced in of] for key, of in runs.items()}),
    )


def paced_load(streams: int, tokens: int) -> Load:
    alone = streams == 1
    answers = ANSWERS_ALONE if alone else streams
    ramp_ms = 0 if alone else RAMP_MS
    in_time_s = tokens * DELAY_MS / 1000 * (answers // streams) + ramp_ms / 1000
    return Load(
        streams=streams,
        answers=answers,
        tokens=tokens,
        ramp_ms=ramp_ms,
        timeout_s=in_time_s * 4 + 10,  # an overloaded server is late, not wrong
        latency=True,
    )


def _block(streams: int, runs: Runs) -> Block:
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
        caption=f"{streams} {'stream' if streams == 1 else 'streams'}",
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
