"""What a run of the benchmark leaves in the repository: docs/speed.json, and what is made of it."""

import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from bench.contenders import AI_SDK_4, NGINX, OURS_DATA, TYPED_STREAM
from bench.picture import NAMES, PANELS, draw
from bench.publishing import PAGE, PICTURE, README, RESULTS, NotPublished, publish, rendered
from bench.results import Results, read_results, write_results
from bench.speed import END_MARK, KEYS, MARK, render_readme, render_speed, with_figures
from bench.table import Figure
from bench.targets import TARGETS

ROOT = Path(__file__).parent.parent
SVG = "{http://www.w3.org/2000/svg}"


def _results(**values: float) -> Results:
    """Results in which our server has 40, or the value given, and three others 2, 1 and 80."""
    figures = {
        key: Figure(
            key,
            "a label",
            {OURS_DATA: values.get(key, 40.0), AI_SDK_4: 2.0, TYPED_STREAM: 1.0, NGINX: 80.0},
            digits=1,
        )
        for key in KEYS
    }
    return Results("2026-01-02", 5, "A machine.", 0.5, "Python 3.", figures)


# The files of the repository


@pytest.mark.parametrize("path", [PICTURE, PAGE, README])
def test_the_page_the_picture_and_the_readme_show_the_results_that_are_kept(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == rendered(ROOT)[path]


def test_the_kept_results_hold_every_figure_that_is_shown() -> None:
    text = (ROOT / RESULTS).read_text(encoding="utf-8")
    results = read_results(text)

    assert set(results.figures) == set(KEYS)
    assert write_results(results, KEYS) == text


def test_no_figure_is_repeated_by_hand_outside_of_the_marks() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    by_hand = page.split(MARK)[0] + page.split(END_MARK)[1]

    assert not re.findall(r"\d(?:\.\d+)? ?(?:×|µs|tokens/s|KiB|MiB)", by_hand)


# Publishing


def _copy(folder: Path) -> Path:
    (folder / PAGE).parent.mkdir()
    for path in (RESULTS, PICTURE, PAGE, README):
        shutil.copy(ROOT / path, folder / path)
    return folder


def test_a_run_replaces_the_results_and_all_that_is_made_of_them(tmp_path: Path) -> None:
    root = _copy(tmp_path)

    publish(root, _results(), [])

    assert read_results((root / RESULTS).read_text(encoding="utf-8")).date == "2026-01-02"
    for path, text in rendered(root).items():
        assert (root / path).read_text(encoding="utf-8") == text
        assert text != (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("lack", ["a server", "a figure"])
def test_a_run_that_lacks_something_publishes_nothing(tmp_path: Path, lack: str) -> None:
    root = _copy(tmp_path)
    results, left_out = _results(), ["nginx is not installed."]
    if lack == "a figure":
        figures = {key: results.figures[key] for key in KEYS[1:]}
        results, left_out = replace(results, figures=figures), []

    with pytest.raises(NotPublished, match="not all servers" if left_out else re.escape(KEYS[0])):
        publish(root, results, left_out)

    for path in (RESULTS, PICTURE, PAGE, README):
        assert (root / path).read_bytes() == (ROOT / path).read_bytes()


def test_a_page_without_its_marks_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="marks"):
        with_figures("# Speed\n", "figures")


def test_what_stands_around_the_marks_stays() -> None:
    page = f"before\n\n{MARK}\n\nold\n{END_MARK}\n\nafter\n"

    assert with_figures(page, "new\n") == f"before\n\n{MARK}\n\nnew\n\n{END_MARK}\n\nafter\n"


# Results


def test_results_survive_being_kept_but_for_digits_that_a_run_cannot_tell() -> None:
    results = _results(**{KEYS[0]: 1234.5678})

    kept = read_results(write_results(results, KEYS))

    assert kept.figures[KEYS[0]].values[OURS_DATA] == 1235
    assert kept.figures[KEYS[1]] == results.figures[KEYS[1]]
    assert (kept.date, kept.rounds, kept.load) == (results.date, results.rounds, results.load)
    assert (kept.machine, kept.versions) == (results.machine, results.versions)


def test_what_was_not_measured_is_not_kept() -> None:
    results = _results()
    nothing = replace(results.figures[KEYS[0]], values={OURS_DATA: None, NGINX: 1.0})

    kept = read_results(write_results(replace(results, figures={"k": nothing}), ["k"]))

    assert kept.figures["k"].values == {NGINX: 1.0}


# What is made of them


def test_the_page_names_the_date_the_machine_and_the_versions() -> None:
    page = render_speed(_results())

    assert page.startswith("2026-01-02, 5 rounds, medians.\n\nA machine.\n\nPython 3.\n")


def test_the_page_says_when_the_machine_had_other_work() -> None:
    for render in (render_speed, render_readme):
        assert "busy" not in render(_results())
        assert "busy" in render(replace(_results(), load=7.5))


def test_the_page_shows_each_figure_beside_its_ratios_and_the_targets() -> None:
    page = render_speed(_results())

    assert f"| {OURS_DATA} | 40.0 | 20.0 / 40.0 / 0.500 |" in page
    assert "### Targets" in page
    assert "| ≥ 22 | 30 | 20.0 | **no** |" in page


def test_the_readme_shows_ratios_only() -> None:
    (ours,) = (line for line in render_readme(_results()).splitlines() if OURS_DATA in line)

    assert ours == f"| {OURS_DATA} | 20.0 | 40.0 | 20.0 | 40.0 | 20.0 | 40.0 |"


def test_every_target_is_kept() -> None:
    assert {target.key for target in TARGETS} <= set(KEYS)


# The picture


def _bars(results: Results) -> list[float]:
    tree = ElementTree.fromstring(draw(results))
    return [
        float(bar.attrib["width"])
        for bar in tree.iter(f"{SVG}rect")
        if bar.attrib["class"] != "paper"
    ]


def _texts(results: Results) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(draw(results)).iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_figures() -> None:
    ours, node, typed, nginx = _bars(_results())[:4]

    assert ours == pytest.approx(nginx / 2, abs=0.1)
    assert node == pytest.approx(nginx / 40, abs=0.1)
    assert typed > 0


def test_a_bar_and_its_number_are_there_for_each_figure_and_no_other() -> None:
    results = _results()

    assert len(_bars(results)) == 4 * len(PANELS)
    assert _texts(results).count("40") == len(PANELS)
    assert [name for name in NAMES.values() if name in _texts(results)] == [
        NAMES[name] for name in (OURS_DATA, AI_SDK_4, TYPED_STREAM, NGINX)
    ]


def test_bars_and_numbers_stay_inside_the_picture() -> None:
    tree = ElementTree.fromstring(draw(_results()))
    width, height = float(tree.attrib["width"]), float(tree.attrib["height"])

    for bar in tree.iter(f"{SVG}rect"):
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= height
    for text in tree.iter(f"{SVG}text"):
        assert 0 < float(text.attrib["x"]) < width - 20
        assert 0 < float(text.attrib["y"]) < height


def test_the_picture_can_be_read_on_light_and_on_dark_pages() -> None:
    def contrast(paper: str, ink: str) -> float:
        lights = sorted((_light(paper), _light(ink)))
        return (lights[1] + 0.05) / (lights[0] + 0.05)

    light, dark = draw(_results()).split("@media (prefers-color-scheme: dark)")
    for style in (light, dark):
        (paper,) = re.findall(r"\.paper { fill: (#\w+);", style)
        for look in ("text", r"\.quiet"):
            (ink,) = re.findall(rf"{look} {{ fill: (#\w+);", style)
            assert contrast(paper, ink) >= 4.5  # WCAG 2.2, 1.4.3
        for look in ("ours", "peer"):
            (bar,) = re.findall(rf"\.{look} {{ fill: (#\w+);", style)
            assert contrast(paper, bar) >= 2.3


def _light(color: str) -> float:
    """The relative luminance of WCAG 2.2."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    picture = draw(_results()).replace("http://www.w3.org/2000/svg", "")

    assert "http" not in picture
    assert "url(" not in picture
    assert "<script" not in picture


def test_a_server_that_was_not_measured_has_a_dash() -> None:
    results = _results()
    key = PANELS[-1].key
    figure = results.figures[key]
    without = replace(figure, values={**figure.values, AI_SDK_4: None})

    texts = _texts(replace(results, figures={**results.figures, key: without}))

    assert texts.count("–") == 1
