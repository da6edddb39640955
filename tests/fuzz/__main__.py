"""Feeds every parser of foreign bytes with inputs that nobody would write.

    python -m tests.fuzz                        every target, 60 seconds each
    python -m tests.fuzz sse prelude --seconds 600
    python -m tests.fuzz sse .fuzz/sse/crash-…  replays files; a traceback shows what is wrong

A target holds properties, not only "no crash": only declared errors come out, any split of a
stream gives the same result, what was read can be written and read again, and a longer input costs
what its length says. `tests/fuzz/target.py` says what a target is.

What is found goes into `.fuzz/TARGET/`, which git ignores: `crash-…` and `timeout-…` are findings,
`corpus/` is where the next run goes on from. `--keep` adds the smallest of these to
`tests/fuzz/corpus/`, which `make test` replays.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.sessions import Session, keep, run
from tests.fuzz.targets import TARGETS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="targets:\n" + "\n".join(f"  {t.name:22}{t.reads}" for t in TARGETS.values()),
    )
    parser.add_argument("names", nargs="*", metavar="TARGET", help="all, if none is named")
    parser.add_argument(
        "--seconds", type=float, default=60.0, metavar="S", help="for each target (default: 60)"
    )
    parser.add_argument("--inputs", type=int, metavar="N", help="stop a target after so many")
    parser.add_argument(
        "--blind", action="store_true", help="without atheris: random changes, several times faster"
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep in the repository what earlier runs have found"
    )
    args = parser.parse_args(argv)
    if args.names[:1] and args.names[0] in TARGETS and any(map(_is_file, args.names[1:])):
        return _replay(args.names[0], args.names[1:])
    if unknown := [name for name in args.names if name not in TARGETS]:
        parser.error(f"there is no target {unknown[0]}; the list is in --help")
    names = args.names or list(TARGETS)
    if args.keep:
        for name in names:
            print(f"{name:22}{keep(name)} new inputs kept", flush=True)
        return 0
    sessions = []
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name}: {TARGETS[name].reads}", flush=True)
        sessions.append(run(name, args.seconds, args.inputs, is_blind=args.blind))
        print(f"    {sessions[-1].line()}", flush=True)
    return _summary(sessions)


def _is_file(name: str) -> bool:
    return name not in TARGETS and Path(name).is_file()


def _replay(name: str, files: Sequence[str]) -> int:
    for file in files:
        print(f"{name} < {file}", flush=True)
        TARGETS[name].check(Path(file).read_bytes())
    print(f"{len(files)} replayed, nothing found")
    return 0


def _summary(sessions: Sequence[Session]) -> int:
    print(f"\n{Session.HEAD}")
    for session in sessions:
        print(session.row())
    found = [session for session in sessions if session.finding]
    for session in found:
        print(f"\n{session.name}: {session.finding}")
    total = sum(session.inputs for session in sessions)
    print(f"\n{len(sessions)} targets, {total} inputs, {len(found)} with a finding")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
