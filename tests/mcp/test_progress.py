"""What the user sees while a tool works."""

import math

import pytest

from app.mcp.progress import Trickle, log_line, progress_line


@pytest.mark.parametrize(
    ("progress", "total", "message", "line"),
    [
        (1, 4, None, "1 of 4"),
        (0.5, None, None, "0.5"),
        (2, 3, "Reading\npages", "Reading pages (2 of 3)"),
        (2, 0, "", "2"),
        (math.inf, math.nan, "Far", "Far (inf)"),
    ],
)
def test_progress_is_a_line(
    progress: float, total: float | None, message: str | None, line: str
) -> None:
    assert progress_line(progress, total, message) == line


def test_a_line_is_no_longer_than_a_status() -> None:
    assert len(progress_line(1e300, 1e300, "x" * 10_000)) <= 500


@pytest.mark.parametrize(
    ("level", "data", "line"),
    [
        ("info", "Reading", "Reading"),
        ("debug", "Reading", None),
        ("error", {"msg": "No such page", "logger": "x"}, "No such page"),
        ("warning", {"message": "Slow"}, "Slow"),
        ("notice", {"page": 3}, '{"page":3}'),
        ("alert", ["a"], '["a"]'),
        ("info", " ", None),
    ],
)
def test_a_log_message_is_a_line(level: str, data: object, line: str | None) -> None:
    assert log_line(level, data) == line


def test_as_much_is_shown_as_a_person_can_read() -> None:
    now = 0.0
    trickle = Trickle(lambda: now)

    assert sum(trickle.lets_through() for _ in range(1000)) == 20
    now = 1.0
    assert sum(trickle.lets_through() for _ in range(1000)) == 5
    now = 1000.0
    assert sum(trickle.lets_through() for _ in range(1000)) == 20
