"""The picture of docs/speed.md: bars of three figures, as SVG. No I/O.

It brings its own background, so it can be read whether the page around it is light or dark, and
follows what the reader's system prefers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.contenders import (
    AI_SDK_4,
    AI_SDK_LATEST,
    NGINX,
    OURS_DATA,
    OURS_UI,
    TYPED_STREAM,
)
from bench.results import Results
from bench.table import number

NAMES: Mapping[str, str] = {
    OURS_DATA: "Deltaline, data stream",
    OURS_UI: "Deltaline, UI stream",
    AI_SDK_4: AI_SDK_4,
    AI_SDK_LATEST: AI_SDK_LATEST,
    TYPED_STREAM: "FastAPI + AsyncOpenAI",
    NGINX: "nginx, a limit",
}
"""The rows, and what the picture calls them."""

_LOOKS = {OURS_DATA: "ours", OURS_UI: "ours", NGINX: "limit"}


@dataclass(frozen=True, slots=True)
class Panel:
    """A column of bars.

    Attributes:
        key: of the figure.
        better: which bars are the good ones.
    """

    key: str
    title: str
    load: str
    better: str
    digits: int = 0


PANELS: Sequence[Panel] = (
    Panel(
        "unpaced.16.tokens_per_s", "Tokens a second", "a model that never waits", "longer is better"
    ),
    Panel(
        "paced.60.cpu_us", "CPU a token, µs", "a token every 20 ms", "shorter is better", digits=0
    ),
    Panel("cold.first_token", "Cold start, ms", "process to first token", "shorter is better"),
)

# Lengths in pixels, of a picture that is as wide as a page of GitHub's.
_WIDTH, _MARGIN = 860, 20
_NAMES_WIDTH, _PANEL_WIDTH, _GAP = 168, 202, 16
_NUMBER_WIDTH = 62
_TOP, _ROW, _BAR, _FOOT = 88, 30, 16, 40

_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
.paper { fill: #ffffff; stroke: #d0d7de; }
.title { font-weight: 600; }
text { fill: #1f2328; } .quiet { fill: #59636e; font-size: 11.5px; }
.ours { fill: #0969da; } .peer { fill: #9aa4ae; }
.limit { fill: none; stroke: #9aa4ae; stroke-dasharray: 3 2; }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117; stroke: #3d444d; }
  text { fill: #f0f6fc; } .quiet { fill: #9198a1; }
  .ours { fill: #4493f8; } .peer { fill: #656c76; }
  .limit { stroke: #656c76; }
}
"""


def draw(results: Results) -> str:
    """Return the picture; rows and panels without figures are left out."""
    panels = [panel for panel in PANELS if panel.key in results.figures]
    names = [
        name
        for name in NAMES
        if any(results.figures[panel.key].values.get(name) is not None for panel in panels)
    ]
    height = _TOP + _ROW * len(names) + _FOOT
    title = "Deltaline beside what its users would pick instead"
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
        f'<title id="title">{title}</title>',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>',
    ]
    parts += [
        _text(_MARGIN + _NAMES_WIDTH - 12, _bar_y(row) + 13, NAMES[name], anchor="end")
        for row, name in enumerate(names)
    ]
    for column, panel in enumerate(panels):
        left = _MARGIN + _NAMES_WIDTH + column * (_PANEL_WIDTH + _GAP)
        parts += _panel(panel, left, names, results.figures[panel.key].values)
    counted = "one round" if results.rounds == 1 else f"medians of {results.rounds} rounds"
    foot = f"One core each, one mock of the model, {counted} of one run, {results.date}."
    parts += [_text(_MARGIN, height - 16, f"{foot} nginx only passes bytes on.", "quiet"), "</svg>"]
    return "\n".join(parts) + "\n"


def _panel(
    panel: Panel, left: int, names: Sequence[str], values: Mapping[str, float | None]
) -> list[str]:
    known = {name: value for name in names if (value := values.get(name)) is not None}
    scale = (_PANEL_WIDTH - _NUMBER_WIDTH) / max(known.values(), default=1.0)
    parts = [
        _text(left, 30, panel.title, "title"),
        _text(left, 48, f"{panel.load};", "quiet"),
        _text(left, 64, panel.better, "quiet"),
    ]
    for row, name in enumerate(names):
        y = _bar_y(row)
        if name not in known:
            parts.append(_text(left, y + 13, "–", "quiet"))
            continue
        width = max(known[name] * scale, 1.5)
        look = _LOOKS.get(name, "peer")
        parts.append(
            f'<rect class="{look}" x="{left}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
        )
        parts.append(_text(left + width + 6, y + 13, number(known[name], panel.digits)))
    return parts


def _bar_y(row: int) -> int:
    return _TOP + row * _ROW


def _text(x: float, y: float, text: str, look: str = "", anchor: str = "") -> str:
    of_class = f' class="{look}"' if look else ""
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{of_class} x="{x:.0f}" y="{y:.0f}"{anchored}>{escape(text)}</text>'
