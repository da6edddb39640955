"""C: whether memory grows with the length of an answer or the number of answers."""

from bench import processes
from bench.load import Load, Measurement
from bench.running import Bench, progress
from bench.sections.unpaced import failures
from bench.servers import Server, ServerFailed
from bench.table import Block, Figure, Section
from bench.wire import WrongAnswer

SHORT, LONG, LONGEST = 200, 20_000, 100_000
TINY = 20
SETTLING_ANSWERS, MANY_ANSWERS = 500, 2_000
MIB = 1024 * 1024


def measure(bench: Bench) -> Section:
    figures: dict[str, dict[str, float | None]] = {}
    runs: dict[tuple[str, int], list[Measurement]] = {}
    for contender in bench.contenders_of("C"):
        progress(f"C {contender.name}")
        try:
            with bench.start_warm(contender) as server:
                for key, value in _of_server(bench, server, runs).items():
                    figures.setdefault(key, {})[contender.name] = value
        except (ServerFailed, WrongAnswer) as failure:
            bench.leave_out(failure)
    labels = {
        "short": f"one of {SHORT:,} tokens, MiB",
        "long": f"one of {LONG:,}, MiB",
        "beyond": f"more for one of {LONGEST:,}, MiB",
        "growth": "bytes a token of that",
        "four": f"four of {LONG:,} at once, MiB",
        "per_1000": "left by each 1,000 answers, MiB",
    }
    columns = [
        Figure(f"memory.{key}", label, figures.get(key, {}), digits=2)
        for key, label in labels.items()
    ]
    cpu = Figure("memory.cpu_us", "CPU µs/token, long", figures.get("cpu_us", {}), digits=2)
    return Section(
        title="C. Memory: long answers and many answers",
        method=(
            "How far the resident set of a fresh, warm server rises during an answer, and what "
            f"{MANY_ANSWERS:,} answers of {TINY} tokens leave after {SETTLING_ANSWERS} to settle. "
            f"An answer of {LONG:,} tokens (6.6 MB from the model) fills every buffer on the way; "
            f"what one of {LONGEST:,} takes beyond that would be growth with the length. 0.1 MiB "
            "is the grain of the allocator."
        ),
        blocks=[Block("growth of the resident set", [*columns, cpu])],
        remarks=failures(runs),
    )


def _of_server(
    bench: Bench, server: Server, runs: dict[tuple[str, int], list[Measurement]]
) -> dict[str, float | None]:
    def put(load: Load) -> Measurement:
        run = bench.put(server, load)
        runs.setdefault((server.contender.name, load.streams), []).append(run)
        return run

    def rise_mib(load: Load) -> tuple[float, Measurement]:
        before = processes.rss(server.pid)
        run = put(load)
        return (run.peak_rss - before) / MIB, run

    put(Load(streams=8, answers=SETTLING_ANSWERS, tokens=TINY))
    settled = processes.rss(server.pid)
    put(Load(streams=8, answers=MANY_ANSWERS, tokens=TINY))
    left_mib = (processes.rss(server.pid) - settled) / MIB

    short, _ = rise_mib(Load(streams=1, answers=1, tokens=SHORT))
    long, run = rise_mib(Load(streams=1, answers=1, tokens=LONG))
    longest, _ = rise_mib(Load(streams=1, answers=1, tokens=LONGEST))
    four, _ = rise_mib(Load(streams=4, answers=4, tokens=LONG))
    return {
        "short": short,
        "long": long,
        "beyond": longest - long,
        "growth": (longest - long) * MIB / (LONGEST - LONG),
        "four": four,
        "per_1000": left_mib / (MANY_ANSWERS / 1000),
        "cpu_us": run.cpu_us_per_token,
    }
