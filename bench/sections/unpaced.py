"""A: the throughput of one core when the model never waits."""

from collections.abc import Callable, Mapping, Sequence

from bench.contenders import NODE_WARM_UP_ANSWERS
from bench.load import Load, Measurement
from bench.running import Bench, progress
from bench.servers import WARM_UP_ANSWERS, Server
from bench.table import Block, Figure, Section, median

TOKENS = 200
FEWEST_ANSWERS = 10

Runs = Mapping[tuple[str, int], Sequence[Measurement]]
"""By the server's name and the number of streams."""


def measure(bench: Bench) -> Section:
    plan = bench.plan
    runs: dict[tuple[str, int], list[Measurement]] = {}
    with bench.start_all_warm() as servers:
        for number in range(plan.rounds):
            progress(f"A round {number + 1} of {plan.rounds}")
            for streams in plan.unpaced_streams:
                for server in servers:
                    name = server.contender.name
                    of_server = runs.setdefault((name, streams), [])
                    answers = _answers_for(bench, server, streams, of_server)
                    of_server.append(bench.put(server, Load(streams, answers, TOKENS)))
    return Section(
        title=f"A. A model that never waits: answers of {TOKENS} tokens",
        method=(
            f"Rounds that visit all servers in turn: {plan.rounds}, medians. Node is warmed with "
            f"{NODE_WARM_UP_ANSWERS} answers, the others with {WARM_UP_ANSWERS}."
        ),
        blocks=[_block(streams, runs) for streams in plan.unpaced_streams],
        remarks=failures(runs),
    )


def _answers_for(bench: Bench, server: Server, streams: int, earlier: Sequence[Measurement]) -> int:
    """Return how many answers a measurement of the planned length needs."""
    fewest = max(FEWEST_ANSWERS, streams * 2)
    probe = earlier[0] if earlier else bench.put(server, Load(streams, fewest, TOKENS))
    return max(fewest, round(bench.plan.unpaced_s * probe.tokens_per_s / TOKENS))


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
