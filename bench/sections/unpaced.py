"""A: the throughput of one core when the model never waits."""

from collections.abc import Callable, Mapping, Sequence

from bench.contenders import NODE_WARM_UP_ANSWERS
from bench.load import Load, Measurement
from bench.running import Bench, progress
from bench.servers import WARM_UP_ANSWERS, Server
from bench.table import Block, Figure, Section, median

TOKENS = 200
FEWEST_ANSWERS = 10
STREAMS_DIRECTLY, ANSWERS_DIRECTLY = 16, 10_000

Runs = Mapping[tuple[str, int], Sequence[Measurement]]
"""By the server's name and the number of streams."""


def measure(bench: Bench) -> Section:
    plan = bench.plan
    runs: dict[tuple[str, int], list[Measurement]] = {}
    direct = bench.put_directly(Load(STREAMS_DIRECTLY, ANSWERS_DIRECTLY, TOKENS), delay_us=0)
    with bench.start_all_warm(bench.contenders_of("A")) as servers:
        for number in range(plan.rounds):
            progress(f"A round {number + 1} of {plan.rounds}")
            for streams in plan.unpaced_streams:
                for server in servers:
                    if not server.contender.is_in("A", streams):
                        continue
                    name = server.contender.name
                    of_server = runs.setdefault((name, streams), [])
                    answers = answers_for(bench, server, streams, TOKENS, of_server)
                    of_server.append(bench.put(server, Load(streams, answers, TOKENS)))
    return Section(
        title=f"A. A model that never waits: answers of {TOKENS} tokens",
        method=(
            f"Rounds that visit all servers in turn: {plan.rounds}, medians. Node is warmed with "
            f"{NODE_WARM_UP_ANSWERS} answers, the others with {WARM_UP_ANSWERS}."
        ),
        blocks=[_block(streams, runs) for streams in plan.unpaced_streams],
        remarks=[_reach_of_the_load(direct, runs), *failures(runs)],
    )


def _reach_of_the_load(direct: Measurement, runs: Runs) -> str:
    """Say how far the fastest server is from what the mock and the load generator can do."""
    rates = {(run.tokens_per_s, name) for (name, _), of in runs.items() for run in of}
    alone = f"The mock and the load generator by themselves do {direct.tokens_per_s:,.0f} tokens/s"
    if not rates:
        return f"{alone}."
    fastest, name = max(rates)
    return f"{alone}, {direct.tokens_per_s / fastest:.1f} × the highest rate here ({name})."


def answers_for(
    bench: Bench, server: Server, streams: int, tokens: int, earlier: Sequence[Measurement]
) -> int:
    """Return how many answers a measurement of the planned length needs."""
    fewest = max(FEWEST_ANSWERS, streams)
    probe = earlier[0] if earlier else bench.put(server, Load(streams, fewest, tokens))
    return max(fewest, round(bench.plan.unpaced_s * probe.tokens_per_s / tokens))


def _block(streams: int, runs: Runs) -> Block:
    def column(
        key: str, label: str, digits: int, value: Callable[[Measurement], float | None]
    ) -> Figure:
        values = {
            name: median(value(run) for run in of_server)
            for (name, level), of_server in runs.items()
            if level == streams
        }
        return Figure(f"unpaced.{streams}.{key}", label, values, digits)

    return Block(
        caption=f"{streams} {'stream' if streams == 1 else 'streams'}",
        figures=[
            column("tokens_per_s", "tokens/s", 0, lambda run: run.tokens_per_s),
            column("cpu_us", "CPU µs/token", 2, lambda run: run.cpu_us_per_token),
        ],
    )


def failures(runs: Runs) -> list[str]:
    """Return one sentence for each server and level at which answers failed."""
    sentences = []
    for (name, streams), of_server in runs.items():
        failed = sum(run.failed for run in of_server)
        if failed:
            why = next((run.why for run in of_server if run.why), "not done in time")
            asked = failed + sum(run.answers for run in of_server)
            sentences.append(
                f"{name}, {streams} streams: {failed} of {asked} answers failed: {why}."
            )
    return sentences
