"""What results mean: which traps went unnoticed, and tables for people."""

from collections.abc import Callable, Sequence

from tests.conformance.results import Results
from tests.conformance.running import OK
from tests.conformance.traps import TRAPS


def unnoticed(results: Results, trap: str, client: str) -> Sequence[str]:
    """Return a sentence for each flow of ``client`` that the trap should have turned red."""
    sentences = []
    for flow in TRAPS[trap].flows.get(client, ()):
        plain, spoilt = results.get(client, flow), results.get(client, f"{flow}@{trap}")
        if plain != OK:
            sentences.append(f"{client} {flow} fails without the trap {trap}: {plain}")
        elif spoilt == OK:
            sentences.append(f"{client} {flow} does not notice the trap {trap}")
        elif spoilt is None or spoilt == "unknown":
            sentences.append(f"{client} {flow} was not run with the trap {trap}")
    return sentences


def flow_table(results: Results, flows: Sequence[str]) -> str:
    """Return flow × client as Markdown: ✓, ✗, or nothing where the client cannot show the flow."""

    def cell(flow: str, client: str) -> str:
        if flow == _SECONDS:
            return f"{results.seconds[client]:.1f}"
        result = results.get(client, flow)
        return "" if result is None else _mark(result == OK)

    return _table("flow", [*flows, _SECONDS], results.clients, cell)


def trap_table(results: Results) -> str:
    """Return trap × client as Markdown: ✓ where the client's flows notice it, else ✗."""

    def cell(trap: str, client: str) -> str:
        concerned = client in TRAPS[trap].flows
        return _mark(not unnoticed(results, trap, client)) if concerned else ""

    return _table("trap", tuple(TRAPS), results.clients, cell)


_SECONDS = "(seconds)"


def _mark(good: bool) -> str:
    return "✓" if good else "✗"


def _table(
    corner: str, rows: Sequence[str], columns: Sequence[str], cell: Callable[[str, str], str]
) -> str:
    """Return a Markdown table of ``cell(row, column)``; rows without content are left out."""
    cells = [[row, *[cell(row, column) for column in columns]] for row in rows]
    head = [[corner, *columns], ["---", *[":-:"] * len(columns)]]
    lines = [*head, *[line for line in cells if any(line[1:])]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)
