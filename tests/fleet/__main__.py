"""``python -m tests.fleet``: random requests and faults on three servers, judged (`checker`).

python -m tests.fleet --seconds 300 --seed 7 --store sqlite
python -m tests.fleet --check .fleet/7.json --chat c3
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.fleet.checker import violations
from tests.fleet.engines import ENGINES
from tests.fleet.history import History, decode, encode
from tests.fleet.run import run
from tests.fleet.story import story

_KEPT = Path(".fleet")
_SHOWN = 20


def main() -> int:
    """Run or judge again; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long requests are made")
    parser.add_argument("--seed", type=int, default=1, help="decides what is asked and broken")
    parser.add_argument("--store", choices=sorted(ENGINES), default="sqlite")
    parser.add_argument("--chats", type=int, default=6, help="how many people chat at once")
    parser.add_argument("--check", type=Path, help="judge a history that was kept")
    parser.add_argument("--chat", help="with --check: tell what happened to this chat")
    options = parser.parse_args()
    if options.check is not None:
        history = decode(options.check.read_bytes())
        if options.chat is not None:
            print("\n".join(story(history, options.chat)))
        return _judge(history, options.check)
    print(f"seed {options.seed}, {options.seconds:g} s on {options.store}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        history = asyncio.run(
            run(
                options.seed,
                options.seconds,
                Path(folder),
                engine=options.store,
                chats=options.chats,
            )
        )
    _KEPT.mkdir(exist_ok=True)
    kept = _KEPT / f"{options.store}-{options.seed}.json"
    kept.write_bytes(encode(history))
    return _judge(history, kept)


def _judge(history: History, kept: Path) -> int:
    turns = {call.turn for call in history.calls if call.turn is not None}
    faults = Counter(fault.kind for fault in history.faults)
    print(f"{len(history.calls)} requests, {len(turns)} turns, {dict(faults)}; {kept}")
    found = violations(history)
    for violation in found[:_SHOWN]:
        print(f"{violation.rule}: {violation.chat}: {violation.text}")
    if found:
        print(f"{len(found)} violations: {dict(Counter(one.rule for one in found))}")
        print(f"again: {history.command}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
