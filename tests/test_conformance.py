"""Every AI SDK client, flow by flow, against the real app on a real socket.

The flows and how they run are in `tests/conformance/`; the tables are printed at the end.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.conformance.flows import CLIENTS, flows_of
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
def results(request: pytest.FixtureRequest) -> Iterator[Results]:
    """Run each client once, whatever number of its flows is asked for."""
    results = Results(flows_of)
    yield results
    summary = _Summary("AI SDK clients", lambda: flow_table(results))
    request.config.pluginmanager.register(summary)


@pytest.fixture(scope="module")
def trapped(request: pytest.FixtureRequest) -> Iterator[Results]:
    """Run each client once with all of its traps."""
    results = Results(trapped_flows_of, patience_s=TRAPPED_PATIENCE_S)
    yield results
    summary = _Summary("Traps that the clients noticed", lambda: trap_table(results))
    request.config.pluginmanager.register(summary)


@pytest.mark.parametrize(
    ("client", "flow"),
    [
        pytest.param(client, flow, id=f"{client}-{flow}")
        for client in CLIENTS
        for flow in flows_of(client)
    ],
)
def test_flow(results: Results, client: str, flow: str) -> None:
    outcome = results.of(client)[flow]

    assert outcome == OK, outcome


@pytest.mark.parametrize("client", CLIENTS)
def test_no_client_throws_outside_its_flows(results: Results, client: str) -> None:
    assert set(results.of(client)) == set(flows_of(client))


@pytest.mark.parametrize("trap", TRAPS)
def test_bytes_that_are_spoilt_do_not_go_unnoticed(trapped: Results, trap: str) -> None:
    sentences = [text for client in TRAPS[trap].flows for text in unnoticed(trapped, trap, client)]

    assert sentences == []
