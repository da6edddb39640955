"""One measurement: the load generator against one server, and the server's costs."""

import json
import resource
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import processes


@dataclass(frozen=True, slots=True)
class Load:
    """A task for the load generator.

    Attributes:
        streams: the number of answers read at the same time.
        answers: the number of answers in all.
        tokens: the number of tokens that each answer must have.
        ramp_ms: the streams start evenly over this time; 0: all at once.
        latency: read the time stamp in each token. Only with a paced model.
    """

    streams: int
    answers: int
    tokens: int
    ramp_ms: int = 0
    timeout_s: float = 60.0
    latency: bool = False


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of a sample of times, in milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of one run of the load generator.

    Attributes:
        failed: the number of answers that were wrong, cut off, or not done in time.
        why: what was wrong with the first of them.
        cpu_s: the server's CPU time during the run; 0 if no process was named.
        busiest_cpu_s: the same of that process of the server which used most.
        load_cpu_s: the CPU time of the mock and the load generator during the run.
        peak_rss: the server's highest resident memory during the run, in bytes.
    """

    answers: int
    failed: int
    why: str
    tokens: int
    wall_s: float
    first_token: Percentiles | None
    latency: Percentiles | None
    cpu_s: float
    peak_rss: int
    busiest_cpu_s: float = 0.0
    load_cpu_s: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.wall_s

    @property
    def cores(self) -> float:
        """How many cores the server kept busy."""
        return self.cpu_s / self.wall_s

    @property
    def load_cores(self) -> float:
        """How many cores the mock and the load generator kept busy."""
        return self.load_cpu_s / self.wall_s

    @property
    def cpu_us_per_token(self) -> float | None:
        return self.cpu_s / self.tokens * 1e6 if self.tokens else None


class LoadGenerator:
    """Runs `native/load.c`.

    Args:
        program: the compiled load generator.
        folder: where it finds the body of its requests.
        upstream_pid: the mock, whose CPU time counts as the load's.
    """

    def __init__(self, program: Path, folder: Path, *, upstream_pid: int) -> None:
        self._program = program
        self._upstream_pid = upstream_pid
        self._body_file = folder / "body.json"

    def run(
        self,
        load: Load,
        *,
        port: int,
        path: str,
        body: bytes,
        pid: int | None = None,
        header: str = "",
    ) -> Measurement:
        """Put the load on a server; ``pid`` is the process whose costs are measured.

        ``header`` is a line that each request has besides.
        """
        self._body_file.write_bytes(body)
        command = [
            str(self._program),
            *("-r", str(load.ramp_ms), "-s", str(load.timeout_s)),
            *(["-l"] if load.latency else []),
            *(["-h", header] if header else []),
            *(str(port), path, str(self._body_file)),
            *(str(load.streams), str(load.answers), str(load.tokens)),
        ]
        load_before_s = self._load_cpu_s()
        if pid is None:
            run = measurement(_output(command), cpu_s=0.0, peak_rss=0)
        else:
            processes.forget_peak_rss(pid)
            before_s = processes.cpu_s_of_each(pid)
            output = _output(command)
            after_s = processes.cpu_s_of_each(pid)
            spent_s = [of_one - before_s.get(member, 0.0) for member, of_one in after_s.items()]
            run = measurement(output, cpu_s=sum(spent_s), peak_rss=processes.peak_rss(pid))
            run = replace(run, busiest_cpu_s=max(spent_s))
        return replace(run, load_cpu_s=self._load_cpu_s() - load_before_s)

    def _load_cpu_s(self) -> float:
        generators = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent_s = generators.ru_utime + generators.ru_stime
        return spent_s + processes.cpu_s(self._upstream_pid)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def measurement(output: str, *, cpu_s: float, peak_rss: int) -> Measurement:
    """Read the load generator's JSON object (`native/load.c`)."""
    report: dict[str, Any] = json.loads(output)
    return Measurement(
        answers=report["answers"],
        failed=report["errors"] + report["unfinished"],
        why=report["first_error"],
        tokens=report["tokens"],
        wall_s=report["wall_s"],
        first_token=_percentiles(report["first_token_us"]),
        latency=_percentiles(report["latency_us"]),
        cpu_s=cpu_s,
        peak_rss=peak_rss,
    )


def _percentiles(sample: dict[str, float] | None) -> Percentiles | None:
    if sample is None:
        return None
    return Percentiles(p50=sample["p50"] / 1000, p99=sample["p99"] / 1000)
