"""Prints the table client × flow, or that of the traps; exit status 1 if any of it is red."""

import argparse
import logging
import sys
from collections.abc import Sequence

from tests.conformance.flows import CLIENTS, FLOWS, FLOWS_OF_API, RESPONSES_FLOWS, Api, flows_of
from tests.conformance.results import Results
from tests.conformance.running import OK
from tests.conformance.traps import TRAPPED_PATIENCE_S, TRAPS, trapped_flows_of
from tests.conformance.verdicts import flow_table, trap_table, unnoticed

_FLOWS = tuple({**FLOWS, **RESPONSES_FLOWS})


def main() -> int:
    """Run what the command line names and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(CLIENTS))
    parser.add_argument("--flow", action="append", choices=_FLOWS, metavar="NAME")
    parser.add_argument("--api", choices=FLOWS_OF_API, default="chat")
    parser.add_argument("--traps", action="store_true", help="spoil the bytes and see who notices")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the flows make errors on purpose
    clients = options.clients or CLIENTS
    if options.traps:
        failures = _traps(clients)
    else:
        failures = _flows(clients, options.flow or _FLOWS, options.api)
    return 1 if failures else 0


def _flows(clients: Sequence[str], chosen: Sequence[str], api: Api) -> int:
    """Print what went wrong and the table; return how many flows are red."""
    results = Results(lambda client: [flow for flow in flows_of(client) if flow in chosen], api=api)
    failures = [
        f"{client} {flow}: {outcome}"
        for client in clients
        for flow, outcome in results.of(client).items()
        if outcome != OK
    ]
    _print([*failures, flow_table(results, chosen)])
    return len(failures)


def _traps(clients: Sequence[str]) -> int:
    """Print which traps went unnoticed and the table; return how many did."""
    results = Results(trapped_flows_of, spoilt_patience_s=TRAPPED_PATIENCE_S)
    failures = [
        sentence
        for client in clients
        for trap in TRAPS
        for sentence in unnoticed(results, trap, client)
    ]
    _print([*failures, trap_table(results)])
    return len(failures)


def _print(paragraphs: Sequence[str]) -> None:
    sys.stdout.write("\n\n".join(paragraphs) + "\n")


if __name__ == "__main__":
    sys.exit(main())
