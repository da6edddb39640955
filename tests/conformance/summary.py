"""The tables of all clients below pytest's results, whichever process ran a client.

A test that runs a client says so in a property of its report; reports come from all processes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from tests.conformance.flows import FLOWS_OF_API
from tests.conformance.results import Results, Told, run_together
from tests.conformance.verdicts import flow_table, trap_table

_PROPERTY = "AI SDK client"
_TRAPS = "traps"

Record = Callable[[str, object], None]


def run_once(
    results: Results,
    client: str,
    record: Record,
    *,
    together: Sequence[tuple[Results, str]] = (),
    trapped: bool = False,
) -> None:
    """Run ``client`` unless it has run, and with it those of ``together`` that have not.

    If it runs now, ``record`` what became of all of their flows.
    """
    if client in results.clients:
        return
    others = [pair for pair in together if pair != (results, client)]
    wanted = [(results, client), *(pair for pair in others if pair[1] not in pair[0].clients)]
    run_together(wanted)
    for of_one, name in wanted:
        table = _TRAPS if trapped else of_one.api
        record(_PROPERTY, (table, msgspec.to_builtins(of_one.told(name))))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a table for each API and one of the traps, of the clients that have run."""
    told: dict[str, list[Told]] = {}
    for table, one in _recorded(terminalreporter.stats):
        told.setdefault(table, []).append(msgspec.convert(one, Told))
    for api in FLOWS_OF_API:
        if api in told:
            results = Results.of_told(told[api])
            terminalreporter.section(f"AI SDK clients, {api} API")
            terminalreporter.write_line(flow_table(results, tuple(FLOWS_OF_API[api])))
    if _TRAPS in told:
        terminalreporter.section("Traps that the clients noticed")
        terminalreporter.write_line(trap_table(Results.of_told(told[_TRAPS])))


def _recorded(stats: Mapping[str, list[Any]]) -> Iterator[tuple[str, object]]:
    for reports in stats.values():
        for report in reports:
            # The phases of a test repeat its properties.
            if isinstance(report, pytest.TestReport) and report.when == "call":
                for name, value in report.user_properties:
                    if name == _PROPERTY and isinstance(value, tuple | list):
                        table, one = value
                        yield table, one
