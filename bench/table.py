"""Figures side by side, as Markdown. Pure: numbers in, text out."""

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
        compared: whether a ratio says anything (it does not for a count of failures).
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
    """A part of the report: what was done, the tables, and what else must be said.

    Attributes:
        names: its own rows, if it does not measure the servers of the run.
        references: what its own rows are compared with.
    """

    title: str
    method: str
    blocks: Sequence[Block]
    remarks: Sequence[str] = ()
    names: Sequence[str] = ()
    references: Mapping[str, str] | None = None

    def figures(self) -> dict[str, Figure]:
        return {figure.key: figure for block in self.blocks for figure in block.figures}


def median(values: Iterable[float | None]) -> float | None:
    """The median of what was measured; None if nothing was."""
    measured = [value for value in values if value is not None]
    return statistics.median(measured) if measured else None


def difference(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value - base


def ratio(value: float | None, reference: float | None) -> float | None:
    """How many times the reference; None where that says nothing.

    Added latencies are differences of two measurements and may come out at or below zero; a
    ratio to or of such a number is noise.
    """
    if value is None or reference is None or value <= 0 or reference <= 0:
        return None
    return value / reference


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def times(value: float | None) -> str:
    """A ratio with three significant digits, never in exponent form."""
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
    figures: Sequence[Figure], names: Sequence[str], references: Mapping[str, str]
) -> str:
    """One row a server; next to each figure its ratio to every reference that was measured.

    Args:
        names: the servers, in the order of the rows. Those without any figure are left out.
        references: short label to server name, in the order of the ratios.
    """
    present = [
        name for name in names if any(figure.values.get(name) is not None for figure in figures)
    ]
    labels = {label: name for label, name in references.items() if name in present}
    head = ["one core"]
    ratio_head = f"× {' / '.join(labels)}"
    for figure in figures:
        head.append(figure.label)
        if figure.compared and labels:
            head.append(ratio_head)
            ratio_head = "×"  # the first column says of what
    rows = []
    for name in present:
        row = [name]
        for figure in figures:
            value = figure.values.get(name)
            row.append(number(value, figure.digits))
            if figure.compared and labels:
                ratios = (ratio(value, figure.values.get(other)) for other in labels.values())
                row.append(" / ".join(map(times, ratios)))
        rows.append(row)
    return markdown(head, rows)


def render(section: Section, names: Sequence[str], references: Mapping[str, str]) -> str:
    """The section as Markdown, with these rows and references if it has none of its own."""
    names = section.names or names
    references = references if section.references is None else section.references
    parts = [f"### {section.title}\n\n{section.method}\n"]
    for block in section.blocks:
        table = side_by_side(block.figures, names, references)
        parts.append(f"**{block.caption}**\n\n{table}")
    if section.remarks:
        parts.append("".join(f"- {remark}\n" for remark in section.remarks))
    return "\n".join(parts)
