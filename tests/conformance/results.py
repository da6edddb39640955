"""What became of every flow of every client, run once and kept."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from tests.conformance.flows import CLIENTS, Api
from tests.conformance.pace import Pace
from tests.conformance.running import PATIENCE_S, ClientFailed, Job, outside, run_jobs
from tests.conformance.site import site


class Told(msgspec.Struct, frozen=True):
    """What became of one client, to be sent to another process.

    Attributes:
        outcomes: flow → `OK` or what went wrong; a sentence if the process failed as a whole.
    """

    client: str
    seconds: float
    outcomes: Mapping[str, str] | str


class Results:
    """The results of this process. A client runs when its first result is asked for.

    Args:
        flows_of: client → the flows that it runs.
        api: the one that the app asks the model through.
        spoilt_patience_s: how long a flow on spoilt bytes waits for something to be rendered, in
            seconds.
    """

    def __init__(
        self,
        flows_of: Callable[[str], Sequence[str]],
        *,
        api: Api = "chat",
        spoilt_patience_s: float = PATIENCE_S,
    ) -> None:
        self.flows_of = flows_of
        self.api = api
        self.spoilt_patience_s = spoilt_patience_s
        self._of: dict[str, Mapping[str, str] | ClientFailed] = {}
        self.seconds: dict[str, float] = {}

    def keep(self, client: str, outcome: Mapping[str, str] | ClientFailed, seconds: float) -> None:
        """Keep what became of ``client``, whose process took so many seconds."""
        self._of[client] = outcome
        self.seconds[client] = seconds

    def of(self, client: str) -> Mapping[str, str]:
        """Return what became of each flow of ``client``.

        Raises:
            ClientFailed: its process failed as a whole.
        """
        if client not in self._of:
            self.run(client)
        results = self._of[client]
        if isinstance(results, ClientFailed):
            raise results
        return results

    def run(self, client: str) -> None:
        """Run ``client``, once more if it has run before."""
        run_together([(self, client)])

    def told(self, client: str) -> Told:
        """Return what became of ``client``, which has run."""
        results = self._of[client]
        outcomes = str(results) if isinstance(results, ClientFailed) else results
        return Told(client, self.seconds[client], outcomes)

    @classmethod
    def of_told(cls, told: Iterable[Told]) -> "Results":
        """Return the results of clients that other processes ran."""
        results = cls(lambda client: ())
        for one in told:
            outcome: Mapping[str, str] | ClientFailed
            outcome = ClientFailed(one.outcomes) if isinstance(one.outcomes, str) else one.outcomes
            results.keep(one.client, outcome, one.seconds)
        return results

    @property
    def clients(self) -> Sequence[str]:
        """The clients that have run, whatever became of it, oldest first."""
        return tuple(client for client in CLIENTS if client in self._of)

    def get(self, client: str, flow: str) -> str | None:
        """Return what became of a flow, ``None`` if ``client`` does not run it."""
        try:
            return self.of(client).get(flow)
        except ClientFailed as error:
            return str(error)


def run_together(wanted: Sequence[tuple[Results, str]]) -> None:
    """Run clients in one node process, each in front of a site of its own.

    What one of them throws outside of its flows is held against all.
    """
    started = time.perf_counter()
    # The process is patient with what is spoilt in one way only.
    (spoilt_patience_s,) = {results.spoilt_patience_s for results, _ in wanted}
    try:
        outcomes = asyncio.run(_run(wanted, spoilt_patience_s))
    except ClientFailed as error:
        outcomes = [error] * len(wanted)
    seconds = time.perf_counter() - started
    for (results, client), outcome in zip(wanted, outcomes, strict=True):
        results.keep(client, outcome, seconds)


async def _run(
    wanted: Sequence[tuple[Results, str]], spoilt_patience_s: float
) -> Sequence[Mapping[str, str] | ClientFailed]:
    pace = Pace()
    async with contextlib.AsyncExitStack() as stack:
        jobs: list[Sequence[tuple[str, Job]]] = []
        for results, client in wanted:
            url = await stack.enter_async_context(site(results.api, pace=pace))
            jobs.append([(name, _job(name, client, url)) for name in results.flows_of(client)])
        ran = await run_jobs(
            [job for of_one in jobs for _, job in of_one],
            pace=pace,
            spoilt_patience_s=spoilt_patience_s,
        )
    left = iter(ran.outcomes)
    return [{**{name: next(left) for name, _ in of_one}, **outside(ran)} for of_one in jobs]


def _job(name: str, client: str, url: str) -> Job:
    """Return the job of ``FLOW`` or ``FLOW@TRAP``."""
    flow, _, trap = name.partition("@")
    return Job(client, flow, url, f"{url}/trap/{trap}" if trap else url, is_spoilt=bool(trap))
