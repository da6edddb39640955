"""Fuzzes one target in this process, which ends with it: ``python -m tests.fuzz.one_target``.

atheris, where it is installed, looks at which branches an input reaches and goes on from inputs
that reach new ones. Elsewhere, or with ``--blind``, changes are random.

Its last line says in JSON what it did; a finding ends the process with status 77.
"""

import argparse
import importlib
import importlib.util
import json
import logging
import os
import resource
import sys
import time
import traceback
from typing import Any

_MOST_BYTES = 4096
_TIMEOUT_S = 30
_MOST_RSS_MIB = 1500
_FINDING = 77


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--inputs", type=int)
    parser.add_argument("--blind", action="store_true")
    return parser.parse_args()


def main() -> None:
    args = _arguments()
    # What is wrong with the inputs is logged, which takes longer than reading them.
    logging.disable(logging.CRITICAL)
    if args.blind or importlib.util.find_spec("atheris") is None:
        _run_blind(args)
    else:
        _run_guided(args)


def _run_guided(args: argparse.Namespace) -> None:
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["app"]):
        targets: Any = importlib.import_module("tests.fuzz.targets")
    target = targets.TARGETS[args.target]
    found = targets.FOUND / target.name
    corpus = found / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    folders = [str(path) for path in (corpus, targets.CORPUS / target.name) if path.is_dir()]
    options = [
        f"-artifact_prefix={found}{os.sep}",
        f"-max_total_time={max(1, round(args.seconds))}",
        f"-timeout={_TIMEOUT_S}",
        f"-rss_limit_mb={_MOST_RSS_MIB}",
        f"-max_len={_MOST_BYTES}",
        "-print_final_stats=1",
    ]
    if args.inputs is not None:
        options.append(f"-runs={args.inputs}")
    if target.words:
        words = found / "words.dict"
        short = (word for word in target.words if len(word) < 64)
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in short))
        options.append(f"-dict={words}")
    atheris.Setup([sys.argv[0], *options, *folders], target.check)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _run_blind(args: argparse.Namespace) -> None:
    from tests.fuzz.mutations import Mutator
    from tests.fuzz.targets import FOUND, TARGETS, kept

    target, seed = TARGETS[args.target], time.time_ns()
    found = FOUND / target.name
    known = [path.read_bytes() for path in (*kept(target.name), *found.glob("corpus/*"))]
    mutator = Mutator(known or [b""], target.words, seed)
    began = told = time.monotonic()
    first_rss_mib, count = _rss_mib(), 0
    while args.inputs is None or count < args.inputs:
        data = mutator.next()
        try:
            target.check(data)
        except BaseException:
            found.mkdir(parents=True, exist_ok=True)
            crash = found / f"crash-{seed}-{count}"
            crash.write_bytes(data)
            print(traceback.format_exc(), f"Test unit written to {crash}", sep="\n", flush=True)
            sys.exit(_FINDING)
        count += 1
        if count == 1000:
            first_rss_mib = _rss_mib()
        now = time.monotonic()
        if now - told > 10:
            told = now
            print(
                f"#{count} pulse exec/s: {count / (now - began):.0f} rss: {_rss_mib()}Mb",
                flush=True,
            )
        if now - began > args.seconds:
            break
    done = {
        "inputs": count,
        "rss": [first_rss_mib, _rss_mib()],
        "seconds": time.monotonic() - began,
    }
    print(json.dumps(done), flush=True)


def _rss_mib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))


if __name__ == "__main__":
    main()
