"""Puts the results of a run into the repository: docs/speed.json, and what is made of it."""

from collections.abc import Collection
from pathlib import Path

from bench.picture import draw
from bench.results import Results, read_results, write_results
from bench.speed import KEYS, render_readme, render_speed, with_figures

RESULTS = Path("docs/speed.json")
PICTURE = Path("docs/speed.svg")
PAGE = Path("docs/speed.md")
README = Path("README.md")


class NotPublished(Exception):
    """The run does not hold all that the page shows; the message says what is missing."""


def publish(root: Path, results: Results, left_out: Collection[str]) -> None:
    """Write the results and what is made of them.

    Raises:
        NotPublished: servers or figures are missing; nothing was written.
    """
    if left_out:
        raise NotPublished("Nothing was published: not all servers were measured.")
    if absent := [key for key in KEYS if key not in results.figures]:
        raise NotPublished(f"Nothing was published: the run has no {', '.join(absent)}.")
    (root / RESULTS).write_text(write_results(results, KEYS), encoding="utf-8")
    publish_again(root)


def publish_again(root: Path) -> None:
    """Make the picture and the pages' figures anew from the results that are there."""
    for path, text in rendered(root).items():
        (root / path).write_text(text, encoding="utf-8")


def rendered(root: Path) -> dict[Path, str]:
    """Return what the files have to hold, by their paths below ``root``."""
    results = read_results((root / RESULTS).read_text(encoding="utf-8"))
    page = (root / PAGE).read_text(encoding="utf-8")
    readme = (root / README).read_text(encoding="utf-8")
    return {
        PICTURE: draw(results),
        PAGE: with_figures(page, render_speed(results)),
        README: with_figures(readme, render_readme(results)),
    }
