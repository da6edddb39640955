"""D: the time from process start to the first token, and the share of imports in it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench import processes
from bench.running import Bench, progress
from bench.servers import Contender, ServerFailed
from bench.table import Block, Figure, Section, median
from bench.wire import request_body

IMPORT_TIME_LINE = "import time:"
DEAREST_PACKAGES = 8


@dataclass(frozen=True, slots=True)
class ColdStart:
    healthy_s: float
    first_token_s: float
    cpu_s: float
    rss: int
    log: str


def measure(bench: Bench) -> Section:
    starts: dict[str, list[ColdStart]] = {}
    traced: dict[str, list[ColdStart]] = {}
    broken: set[str] = set()
    for number in range(bench.plan.rounds + 1):
        progress(f"D round {number} of {bench.plan.rounds}")
        for contender in bench.contenders_of("D"):
            if contender.name in broken:
                continue
            try:
                start = _start(bench, contender)
                trace = (
                    _start(bench, tracing_imports(contender)) if contender.imports_traced else None
                )
            except ServerFailed as failure:
                broken.add(contender.name)
                bench.leave_out(failure)
                continue
            if number == 0:
                continue  # fills the page cache and writes the .pyc files
            starts.setdefault(contender.name, []).append(start)
            if trace:
                traced.setdefault(contender.name, []).append(trace)
    return Section(
        title="D. Cold start: from the start of the process",
        method=(
            f"Starts: {bench.plan.rounds}, medians; files in the page cache, .pyc files "
            "present. "
            "Imports: the sum of `python -X importtime` up to the first token, as a share of the "
            "same traced start."
        ),
        blocks=[_block(starts, traced)],
        remarks=[
            f"{name} imports, ms: {dearest(of_server[-1].log)}."
            for name, of_server in traced.items()
        ],
    )


def _start(bench: Bench, contender: Contender) -> ColdStart:
    with bench.start(contender) as server:
        healthy_s = server.since_start_s()
        server.ask_for_first_token(request_body(contender.protocol, tokens=1))
        first_token_s = server.since_start_s()
        cpu_s, rss = processes.cpu_s(server.pid), processes.rss(server.pid)
        return ColdStart(healthy_s, first_token_s, cpu_s, rss, server.log.read_text())


def tracing_imports(contender: Contender) -> Contender:
    python, *arguments = contender.command
    return replace(contender, command=(python, "-X", "importtime", *arguments))


def import_times_us(log: str) -> dict[str, int]:
    """Return each module's own time, in microseconds, from the output of ``-X importtime``.

    A line is ``import time: <self> | <cumulative> | <indent><module>``; other lines of the log
    are ignored.
    """
    times: dict[str, int] = {}
    for line in log.splitlines():
        if not line.startswith(IMPORT_TIME_LINE):
            continue
        own, _, module = line.removeprefix(IMPORT_TIME_LINE).split("|")
        if own.strip().isdigit():  # unlike the head of the table
            times[module.strip()] = times.get(module.strip(), 0) + int(own)
    return times


def dearest(log: str) -> str:
    """Return the packages that take longest to import, as ``name milliseconds``."""
    packages: Counter[str] = Counter()
    for module, own_us in import_times_us(log).items():
        packages[module.split(".")[0]] += own_us
    named = (
        f"{name} {own_us / 1000:.0f}" for name, own_us in packages.most_common(DEAREST_PACKAGES)
    )
    return ", ".join(named)


def imports_s(start: ColdStart) -> float:
    return sum(import_times_us(start.log).values()) / 1e6


def _block(
    starts: Mapping[str, Sequence[ColdStart]], traced: Mapping[str, Sequence[ColdStart]]
) -> Block:
    def column(
        key: str,
        label: str,
        value: Callable[[ColdStart], float],
        of: Mapping[str, Iterable[ColdStart]] = starts,
    ) -> Figure:
        values = {name: median(map(value, of_server)) for name, of_server in of.items()}
        return Figure(f"cold.{key}", label, values)

    return Block(
        caption="one start at a time",
        figures=[
            column("healthy", "→ /health 200, ms", lambda start: start.healthy_s * 1000),
            column("first_token", "→ first token, ms", lambda start: start.first_token_s * 1000),
            column("cpu", "CPU ms by then", lambda start: start.cpu_s * 1000),
            column("rss", "RSS MiB by then", lambda start: start.rss / 1024**2),
            column("imports", "imports, ms", lambda start: imports_s(start) * 1000, traced),
            replace(
                column(
                    "imports_share",
                    "imports, % of the start",
                    lambda start: imports_s(start) / start.first_token_s * 100,
                    traced,
                ),
                compared=False,
            ),
        ],
    )
