"""Measures what each way to run the app costs: the table of `docs/deploy.md`.

    python -m tests.container.measure

Processes of this machine, the model in one of its own. CPU is that of the function's processes, not
of the emulator, which stands for Lambda. The best of several runs, for other programs disturb.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from app.commands.container import CHAINS
from tests.aws.adapting import VARIABLES
from tests.aws.build_adapter import built_adapter
from tests.chatting import data_body
from tests.container.entrypoint import Started, started
from tests.ports import free_port

_TOKENS = 1000
_TOKEN_DELAY_S = 0.002
_PAUSE_S = 0.1
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Print one line for each chain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of each measurement (%(default)s)")
    runs = parser.parse_args().runs
    port = free_port()
    model = subprocess.Popen(
        [sys.executable, "-m", "app.scripted_model", "--port", str(port), "--delay", "0"],
        stdout=subprocess.DEVNULL,
    )
    try:
        for name in CHAINS:
            measured = [_measure(name, f"http://127.0.0.1:{port}/v1") for _ in range(runs)]
            init_ms, first_ms, token_us, memory_mb = map(min, zip(*measured, strict=True))
            sys.stdout.write(
                f"{name:12} init {init_ms:.0f} ms, first byte {first_ms:.1f} ms, "
                f"{token_us:.0f} µs of CPU a token, {memory_mb:.0f} MB\n"
            )
    finally:
        model.terminate()
        model.wait()
    return 0


def _measure(name: str, base_url: str) -> tuple[float, float, float, float]:
    """Return init (ms), time to the first byte when warm (ms), CPU a token (µs) and memory (MB)."""
    arguments, variables = [name, "--host", "127.0.0.1"], {"OPENAI_BASE_URL": base_url}
    if name == "web-adapter":
        arguments += ["--extensions", str(built_adapter().parent)]
        variables |= VARIABLES
    with (
        tempfile.TemporaryDirectory() as folder,
        started(arguments, Path(folder) / "log", variables) as running,
        httpx2.Client(base_url=running.url, timeout=60) as client,
    ):
        _chat(client, "scenario: text tokens=20")
        first_s = [_chat(client, "scenario: text tokens=1") for _ in range(20)]
        processes = _function_pids(running)
        before = _cpu_s(running)
        _chat(client, f"scenario: text tokens={_TOKENS} delay={_TOKEN_DELAY_S}")
        spent_s = _cpu_s(running) - before
        if _function_pids(running) != processes:
            raise SystemExit(f"the function was started anew in between:\n{running.log}")
        memory_mb = sum(_resident_mb(pid) for pid in processes)
        found = re.search(r"Init Duration: ([\d.]+) ms", running.log)
    assert found is not None
    first_ms = statistics.median(first_s) * 1000
    return float(found[1]), first_ms, spent_s / _TOKENS * 1e6, memory_mb


def _chat(client: httpx2.Client, text: str) -> float:
    """Run a turn; return the seconds to its first byte."""
    began = time.perf_counter()
    with client.stream("POST", "/api/chat", json=data_body(text)) as answer:
        pieces = answer.iter_raw()
        next(pieces)
        first_s = time.perf_counter() - began
        for _ in pieces:
            pass
    # As on Lambda, the environment is free a little after the answer; else a second one starts.
    time.sleep(_PAUSE_S)
    return first_s


def _function_pids(running: Started) -> list[int]:
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def _cpu_s(running: Started) -> float:
    ticks = 0
    for pid in _function_pids(running):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_S


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1000 if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
