"""What became of every flow of every client, run once and kept."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from tests.conformance.flows import CLIENTS, Api
from tests.conformance.pace import Pace
from tests.conformance.running import PATIENCE_S, ClientFailed, run_client
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
        self._flows_of = flows_of
        self.api = api
        self._spoilt_patience_s = spoilt_patience_s
        self._of: dict[str, Mapping[str, str] | ClientFailed] = {}
        self.seconds: dict[str, float] = {}

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
        started = time.perf_counter()
        try:
            self._of[client] = asyncio.run(self._run(client))
        except ClientFailed as error:
            self._of[client] = error
        self.seconds[client] = time.perf_counter() - started

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
            if isinstance(one.outcomes, str):
                results._of[one.client] = ClientFailed(one.outcomes)
            else:
                results._of[one.client] = one.outcomes
            results.seconds[one.client] = one.seconds
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

    async def _run(self, client: str) -> Mapping[str, str]:
        pace = Pace()
        async with site(self.api, pace=pace) as url:
            flows = self._flows_of(client)
            return await run_client(
                url, client, flows, pace=pace, spoilt_patience_s=self._spoilt_patience_s
            )
