"""The command line: `python -m bench --help`."""

import argparse
import datetime
import platform
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import machine, preparing, publishing
from bench.contenders import PEERS, REFERENCES, ROOT, all_contenders, missing
from bench.results import Results
from bench.running import Bench, Pace, Plan, bench, progress
from bench.sections import SECTIONS
from bench.servers import Contender, ServerFailed
from bench.table import Figure, render
from bench.targets import render_targets

FULL = Plan(
    rounds=5,
    unpaced_streams=(1, 16, 128),
    unpaced_s=0.6,
    paces=(
        Pace(1, tokens=20, answers=5, ramp_ms=0),
        Pace(60),
        # Fewer tokens, since this is beyond most servers, which take ten times as long.
        Pace(500, tokens=60, ramp_ms=500),
        # 10,000 tokens/s, as 200 streams would at 20 ms: more is beyond one core of Python.
        Pace(2000, tokens=20, delay_ms=200, ramp_ms=2000, most_rounds=1),
    ),
)
QUICK = Plan(rounds=1, unpaced_streams=(16,), unpaced_s=0.5, paces=(Pace(60),))
QUICK_SECTIONS = ("A", "B", "D", "E")


def main() -> int:
    options = _options()
    if options.render:
        publishing.publish_again(ROOT)
        return 0
    if platform.system() != "Linux":
        print("The benchmark reads Linux' accounts in /proc and runs only there.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the servers are stopped too
    contenders, absent = _contenders(options.peers)
    if not contenders:
        print("There is nobody to measure.", file=sys.stderr)
        return 1
    on, load, versions = machine.machine(), machine.load(), machine.versions()
    figures: dict[str, Figure] = {}
    try:
        with bench(_plan(options), contenders) as ground:
            report = _report(ground, _sections(options), absent, figures, f"{on}\n\n{versions}\n")
    except (preparing.CannotPrepare, ServerFailed) as reason:
        print(reason, file=sys.stderr)
        return 1
    print(report)
    if options.out:
        options.out.write_text(report)
        progress(f"written to {options.out}")
    for failure in ground.left_out:
        print(f"Not measured: {failure}", file=sys.stderr)
    if options.speed:
        today = datetime.date.today().isoformat()
        results = Results(today, ground.plan.rounds, on, load, versions, figures)
        try:
            publishing.publish(ROOT, results, [*absent, *ground.left_out])
        except publishing.NotPublished as reason:
            print(reason, file=sys.stderr)
            return 1
        progress("written to docs/speed.json and what is made of it")
    return 1 if ground.left_out else 0


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    rounds: int | None = options.rounds
    return plan if rounds is None else replace(plan, rounds=rounds)


def _sections(options: argparse.Namespace) -> Sequence[str]:
    if options.only:
        only: Sequence[str] = options.only
        return only
    return QUICK_SECTIONS if options.quick else tuple(SECTIONS)


def _report(
    ground: Bench,
    sections: Sequence[str],
    absent: Sequence[str],
    figures: dict[str, Figure],
    on: str,
) -> str:
    """Measure, collect the figures and return the report; ``on``: what is said of the machine."""
    started = time.monotonic()
    tables = [_measure(ground, letter, figures) for letter in sections]
    failures = [f"Not measured: {failure.splitlines()[0]}" for failure in ground.left_out]
    remarks = "".join(f"- {remark}\n" for remark in [*absent, *failures])
    took = f"The whole run took {(time.monotonic() - started) / 60:.1f} minutes.\n"
    parts = [on, remarks, render_targets(figures), *tables, took]
    return "\n".join(part for part in parts if part)


def _measure(ground: Bench, letter: str, figures: dict[str, Figure]) -> str:
    started = time.monotonic()
    section = SECTIONS[letter](ground)
    figures.update(section.figures())
    progress(f"{letter} took {time.monotonic() - started:.0f} s")
    return render(section, [contender.name for contender in ground.contenders], REFERENCES)


def _contenders(wanted: Sequence[str]) -> tuple[list[Contender], list[str]]:
    """Return the servers that can run here, and one sentence about each that cannot."""
    present, absent = [], []
    for contender in all_contenders():
        if wanted and not any(part.lower() in contender.name.lower() for part in wanted):
            continue
        reason = missing(contender)
        if reason is None and contender.command[0] == "node":
            try:
                preparing.install_packages(PEERS / Path(contender.command[1]).parent)
            except preparing.CannotPrepare as failure:
                reason = str(failure)
        if reason is None:
            present.append(contender)
        else:
            absent.append(f"Not measured: {contender.name}. {reason}")
            progress(absent[-1])
    return present, absent


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="This project beside what its users would pick instead, on one core each. "
        "Prints Markdown; progress goes to stderr. See bench/README.md.",
    )
    parser.add_argument(
        "--only",
        type=_letters,
        metavar="A,B,…",
        help="sections: A unpaced, B paced, C memory, D cold start, E Lambda, "
        "F workers (default: all)",
    )
    parser.add_argument("--rounds", type=_count, help="rounds of every section")
    parser.add_argument(
        "--quick", action="store_true", help="one round, one level, less than two minutes"
    )
    parser.add_argument(
        "--peers",
        type=lambda text: text.split(","),
        default=[],
        metavar="PART,…",
        help="only servers whose name contains one of these",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the report there too")
    parser.add_argument(
        "--speed", action="store_true", help="put the results into docs/speed.* and README.md"
    )
    parser.add_argument(
        "--render", action="store_true", help="measure nothing: make these anew from the results"
    )
    options = parser.parse_args()
    if options.speed and (options.quick or options.only or options.peers):
        parser.error("--speed is about all sections and servers")
    return options


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least one")
    return count


def _letters(text: str) -> list[str]:
    letters = text.upper().split(",")
    if unknown := set(letters) - SECTIONS.keys():
        raise argparse.ArgumentTypeError(
            f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}"
        )
    return letters


if __name__ == "__main__":
    sys.exit(main())
