"""Tables of figures, as Markdown. No I/O."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One number for each server.

    Attributes:
        key: names the figure across sections, as in ``unpaced.16.tokens_per_s``.
        label: the head of its column, with the unit.
        values: by the server's name; None or absent: not measured.
        digits: decimals to print.
        compared: whether ratios are shown; for a count of failures they would mean nothing.
    """

    key: str
    label: str
    values: Mapping[str, float | None]
    digits: int = 0
    compared: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """One table: figures that were measured together."""

    caption: str
    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report: the method, the tables, and remarks.

    Attributes:
        names: its own rows, if it measures others than the servers of the run.
        references: the rows that its own rows are compared with.
        rows: the head of the column of servers.
    """

    title: str
    method: str
    blocks: Sequence[Block]
    remarks: Sequence[str] = ()
    names: Sequence[str] = ()
    references: Mapping[str, str] | None = None
    rows: str = "one core"

    def figures(self) -> dict[str, Figure]:
        return {figure.key: figure for block in self.blocks for figure in block.figures}


def median(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that were measured; None if none was."""
    measured = [value for value in values if value is not None]
    return statistics.median(measured) if measured else None


def difference(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def ratio(value: float | None, reference: float | None) -> float | None:
    """Return ``value`` as a multiple of ``reference``; None if the ratio would mean nothing.

    Added latencies are differences of two measurements and can be zero or negative. A ratio of such
    numbers is noise.
    """
    if value is None or reference is None or value <= 0 or reference <= 0:
        return None
    return value / reference


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def times(value: float | None) -> str:
    """Return a ratio with three significant digits, never in exponent form."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    decimals = 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{decimals}f}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def side_by_side(
    figures: Sequence[Figure],
    names: Sequence[str],
    references: Mapping[str, str],
    rows: str = "one core",
) -> str:
    """Return a table with a row per server, and each figure's ratios to the measured references.

    Args:
        names: the servers, in the order of the rows. Those without any figure are left out.
        references: short label to server name, in the order of the ratios.
        rows: the head of the column of servers.
    """
    present = [
        name for name in names if any(figure.values.get(name) is not None for figure in figures)
    ]
    labels = {label: name for label, name in references.items() if name in present}
    head = [rows]
    ratio_head = f"× {' / '.join(labels)}"
    for figure in figures:
        head.append(figure.label)
        if figure.compared and labels:
            head.append(ratio_head)
            ratio_head = "×"  # the first column says of what
    lines = []
    for name in present:
        row = [name]
        for figure in figures:
            value = figure.values.get(name)
            row.append(number(value, figure.digits))
            if figure.compared and labels:
                ratios = (ratio(value, figure.values.get(other)) for other in labels.values())
                row.append(" / ".join(map(times, ratios)))
        lines.append(row)
    return markdown(head, lines)


def render(section: Section, names: Sequence[str], references: Mapping[str, str]) -> str:
    """Return the section as Markdown, with these rows and references if it has none of its own."""
    names = section.names or names
    references = references if section.references is None else section.references
    parts = [f"### {section.title}\n\n{section.method}\n"]
    for block in section.blocks:
        table = side_by_side(block.figures, names, references, section.rows)
        parts.append(f"**{block.caption}**\n\n{table}")
    if section.remarks:
        parts.append("".join(f"- {remark}\n" for remark in section.remarks))
    return "\n".join(parts)
