"""Every AI SDK client, flow by flow, against the real app on a real socket.

The flows and how they run are in `tests/conformance/`; the tables are printed at the end.
"""

from collections.abc import Mapping

import pytest
from _pytest.mark import ParameterSet

from tests.conformance.flows import CLIENTS, FLOWS_OF_API, Api, flows_of, major_of
from tests.conformance.results import Results
from tests.conformance.running import IS_INSTALLED, OK
from tests.conformance.summary import Record, run_once
from tests.conformance.traps import TRAPPED_PATIENCE_S, TRAPS, trapped_flows_of
from tests.conformance.verdicts import unnoticed

pytestmark = [
    pytest.mark.real,
    # The first flow of a major runs all of its clients.
    pytest.mark.timeout(360),
    pytest.mark.skipif(not IS_INSTALLED, reason="needs node and `make node-tests`"),
]


@pytest.fixture(scope="module")
def results() -> Mapping[Api, Results]:
    """Run each client once for each API, whatever number of its flows is asked for."""
    return {api: _results(api) for api in FLOWS_OF_API}


def _results(api: Api) -> Results:
    return Results(lambda client: flows_of(client, api), api=api)


@pytest.fixture(scope="module")
def trapped() -> Results:
    """Run all clients once, each with all of its traps."""
    return Results(trapped_flows_of, spoilt_patience_s=TRAPPED_PATIENCE_S)


def _run(results: Mapping[Api, Results], api: Api, client: str, record: Record) -> None:
    """Run every client of this one's major, through both APIs, unless that has happened."""
    clients = [other for other in CLIENTS if major_of(other) == major_of(client)]
    together = [(results[each], other) for each in results for other in clients]
    run_once(results[api], client, record, together=together)


def cases(api: Api) -> list[ParameterSet]:
    """Return every flow of every client by its name."""
    return [
        pytest.param(client, flow, id=f"{client}-{flow}")
        for client in CLIENTS
        for flow in flows_of(client, api)
    ]


@pytest.mark.parametrize(("client", "flow"), cases("chat"))
def test_flow(
    results: Mapping[Api, Results], client: str, flow: str, record_property: Record
) -> None:
    _run(results, "chat", client, record_property)
    outcome = results["chat"].of(client)[flow]

    assert outcome == OK, outcome


@pytest.mark.parametrize(("client", "flow"), cases("responses"))
def test_flow_through_the_responses_api(
    results: Mapping[Api, Results], client: str, flow: str, record_property: Record
) -> None:
    _run(results, "responses", client, record_property)
    outcome = results["responses"].of(client)[flow]

    assert outcome == OK, outcome


@pytest.mark.parametrize("api", FLOWS_OF_API)
@pytest.mark.parametrize("client", CLIENTS)
def test_no_client_throws_outside_its_flows(
    results: Mapping[Api, Results], client: str, api: Api, record_property: Record
) -> None:
    _run(results, api, client, record_property)

    assert set(results[api].of(client)) == set(flows_of(client, api))


@pytest.mark.parametrize("trap", TRAPS)
def test_bytes_that_are_spoilt_do_not_go_unnoticed(
    trapped: Results, trap: str, record_property: Record
) -> None:
    together = [(trapped, client) for client in CLIENTS]
    for client in TRAPS[trap].flows:
        run_once(trapped, client, record_property, together=together, trapped=True)
    sentences = [text for client in TRAPS[trap].flows for text in unnoticed(trapped, trap, client)]

    assert sentences == []
