"""Runs one target in a process of its own, and tells what came of it."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.fuzz.pumping import check_cost, check_memory
from tests.fuzz.targets import CORPUS, FOUND, TARGETS, kept

_ROOT = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-m", "tests.fuzz.one_target")
_PULSE_S = 15.0
# A finding's input, as it is printed; the file has all of it.
_SHOWN_BYTES = 400
# Longer inputs are searched by the fuzzer, but not kept.
_MOST_KEPT_BYTES = 1500
_MOST_KEPT = 24
# Pieces of one input that are repeated, one after the other.
_VARIANTS = 4

_STATE = re.compile(r"^#(\d+)\s+\w+.*?(?:cov: (\d+).*?)?rss: (\d+)Mb")
_ADDED = re.compile(r"^stat::new_units_added:\s+(\d+)")
_ARTIFACT = re.compile(r"Test unit written to (\S+)")


@dataclass(slots=True)
class Session:
    """What came of a run of one target.

    Attributes:
        edges: branches of our code that were reached; 0 if nobody looked.
        added: inputs that reached something new.
        first_rss_mib, peak_rss_mib: memory after the first inputs, and the most.
        finding: what went wrong, and how to see it again; "" if nothing did.
    """

    HEAD: ClassVar[str] = (
        "target                    inputs  seconds     /s  edges  new  RSS MiB    finding"
    )

    name: str
    inputs: int = 0
    seconds: float = 0.0
    edges: int = 0
    added: int = 0
    first_rss_mib: int = 0
    peak_rss_mib: int = 0
    finding: str = ""

    def row(self) -> str:
        """Return the line of a table whose head is `HEAD`."""
        rate = self.inputs / self.seconds if self.seconds else 0.0
        memory = f"{self.first_rss_mib}→{self.peak_rss_mib}"
        return (
            f"{self.name:22}{self.inputs:>10}{self.seconds:>9.0f}{rate:>7.0f}{self.edges or '-':>7}"
            f"{self.added:>5}  {memory:<10} {'YES' if self.finding else 'none'}"
        )

    def line(self) -> str:
        """Return a line about what has been done by now."""
        edges = f", {self.edges} edges, {self.added} new inputs" if self.edges else ""
        found = ", A FINDING" if self.finding else ""
        return (
            f"{self.inputs} inputs in {self.seconds:.0f} s{edges}, {self.peak_rss_mib} MiB{found}"
        )

    def read(self, line: str) -> None:
        """Take in a line of the process's output."""
        if state := _STATE.match(line):
            self.inputs = int(state[1])
            self.edges = int(state[2] or self.edges)
            self._seen_memory(int(state[3]))
        elif added := _ADDED.match(line):
            self.added = int(added[1])
        elif line.startswith('{"inputs"'):
            done = json.loads(line)
            self.inputs = done["inputs"]
            for rss_mib in done["rss"]:
                self._seen_memory(rss_mib)

    def _seen_memory(self, rss_mib: int) -> None:
        if self.inputs <= 1000 or not self.first_rss_mib:
            self.first_rss_mib = rss_mib
        self.peak_rss_mib = max(self.peak_rss_mib, rss_mib)


def run(name: str, seconds: float, inputs: int | None, *, is_blind: bool) -> Session:
    """Fuzz one target, then let some inputs grow; print what happens meanwhile."""
    session, began = Session(name), time.monotonic()
    command = [*_COMMAND, name, "--seconds", str(seconds)]
    command += [] if inputs is None else ["--inputs", str(inputs)]
    command += ["--blind"] if is_blind else []
    tail: list[str] = []
    told = began
    with subprocess.Popen(
        command,
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            session.read(line)
            session.seconds = time.monotonic() - began
            if not line.startswith(("#", "INFO:", "WARNING: Failed to find function")):
                tail = [*tail[-60:], line]
            if session.seconds + began - told > _PULSE_S:
                told = time.monotonic()
                print(f"    {session.line()}", flush=True)
    session.seconds = time.monotonic() - began
    if process.returncode != 0:
        session.finding = _finding(name, "".join(tail), process.returncode)
    else:
        session.finding = _grow(name, seconds / 6)
    return session


def _finding(name: str, output: str, status: int) -> str:
    written = _ARTIFACT.search(output)
    if written is None:
        return f"ended with status {status}\n{output}"
    file = Path(written[1])
    data = file.read_bytes()
    return (
        f"a finding, with {len(data)} bytes:\n  {data[:_SHOWN_BYTES]!r}\n{output}\n"
        f"Replay it:\n  python -m tests.fuzz {name} {file.relative_to(_ROOT)}"
    )


def _grow(name: str, seconds: float) -> str:
    """Let inputs that are known grow for a while; return what was found, or ""."""
    target, until = TARGETS[name], time.monotonic() + seconds
    newest = sorted((FOUND / name / "corpus").glob("*"), key=lambda path: -path.stat().st_mtime)
    for path in (*kept(name), *newest):
        if time.monotonic() > until:
            break
        data = path.read_bytes()
        try:
            for variant in range(_VARIANTS):
                check_cost(target, data, variant)
            check_memory(target, data)
        except Exception as error:
            crash = FOUND / name / f"growth-{path.name}"
            crash.parent.mkdir(parents=True, exist_ok=True)
            crash.write_bytes(data)
            return f"{type(error).__name__}: {error}\nWhat grew: {crash.relative_to(_ROOT)}"
    return ""


def keep(name: str) -> int:
    """Add to the repository's corpus the smallest inputs that reached more; return how many."""
    before = {path.read_bytes() for path in kept(name)}
    found = {path.read_bytes() for path in (FOUND / name / "corpus").glob("*")}
    new = sorted((data for data in found - before if len(data) <= _MOST_KEPT_BYTES), key=len)
    new = new[: max(0, _MOST_KEPT - len(before))]
    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(new, len(before) + 1):
        (CORPUS / name / f"found-{number:02}").write_bytes(data)
    return len(new)
