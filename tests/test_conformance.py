"""Every AI SDK client, flow by flow, against the real app on a real socket.

The flows and how they run are in `tests/conformance/`; the tables are printed at the end.
"""

from collections.abc import Callable, Iterator, Mapping

import pytest
from _pytest.mark import ParameterSet

from tests.conformance.flows import CLIENTS, FLOWS_OF_API, Api, flows_of
from tests.conformance.results import Results
from tests.conformance.running import IS_INSTALLED, OK
from tests.conformance.traps import TRAPPED_PATIENCE_S, TRAPS, trapped_flows_of
from tests.conformance.verdicts import flow_table, trap_table, unnoticed

pytestmark = [
    pytest.mark.real,
    # The first flow of a client runs all of them.
    pytest.mark.timeout(120),
    pytest.mark.skipif(not IS_INSTALLED, reason="needs node and `make node-tests`"),
]


class _Summary:
    """A pytest plugin that prints a table below the results."""

    def __init__(self, title: str, table: Callable[[], str]) -> None:
        self._title = title
        self._table = table

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(self._title)
        terminalreporter.write_line(self._table())


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[Mapping[Api, Results]]:
    """Run each client once for each API, whatever number of its flows is asked for."""
    of_api = {api: _results(api) for api in FLOWS_OF_API}
    yield of_api
    for api, results in of_api.items():
        summary = _Summary(f"AI SDK clients, {api} API", _table_of(results, api))
        request.config.pluginmanager.register(summary)


def _results(api: Api) -> Results:
    return Results(lambda client: flows_of(client, api), api=api)


def _table_of(results: Results, api: Api) -> Callable[[], str]:
    return lambda: flow_table(results, tuple(FLOWS_OF_API[api]))


@pytest.fixture(scope="module")
def trapped(request: pytest.FixtureRequest) -> Iterator[Results]:
    """Run each client once with all of its traps."""
    results = Results(trapped_flows_of, patience_s=TRAPPED_PATIENCE_S)
    yield results
    summary = _Summary("Traps that the clients noticed", lambda: trap_table(results))
    request.config.pluginmanager.register(summary)


def cases(api: Api) -> list[ParameterSet]:
    """Return every flow of every client by its name."""
    return [
        pytest.param(client, flow, id=f"{client}-{flow}")
        for client in CLIENTS
        for flow in flows_of(client, api)
    ]


@pytest.mark.parametrize(("client", "flow"), cases("chat"))
def test_flow(results: Mapping[Api, Results], client: str, flow: str) -> None:
    outcome = results["chat"].of(client)[flow]

    assert outcome == OK, outcome


@pytest.mark.parametrize(("client", "flow"), cases("responses"))
def test_flow_through_the_responses_api(
    results: Mapping[Api, Results], client: str, flow: str
) -> None:
    outcome = results["responses"].of(client)[flow]

    assert outcome == OK, outcome


@pytest.mark.parametrize("api", FLOWS_OF_API)
@pytest.mark.parametrize("client", CLIENTS)
def test_no_client_throws_outside_its_flows(
    results: Mapping[Api, Results], client: str, api: Api
) -> None:
    assert set(results[api].of(client)) == set(flows_of(client, api))


@pytest.mark.parametrize("trap", TRAPS)
def test_bytes_that_are_spoilt_do_not_go_unnoticed(trapped: Results, trap: str) -> None:
    sentences = [text for client in TRAPS[trap].flows for text in unnoticed(trapped, trap, client)]

    assert sentences == []
