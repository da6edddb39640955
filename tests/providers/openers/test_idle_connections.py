"""Which connection is used again, and which is closed."""

import pytest

from app.providers.openers.idle_connections import IDLE_S, MAX_IDLE, IdleConnections, idle_time_s


def test_the_one_that_was_used_last_is_used_next() -> None:
    idle: IdleConnections[str] = IdleConnections()
    idle.put("a", 0.0, 10.0)
    idle.put("b", 1.0, 10.0)

    assert [idle.take(2.0), idle.take(2.0), idle.take(2.0)] == ["b", "a", None]


def test_one_that_is_too_old_is_not_used_but_handed_out_to_be_closed() -> None:
    idle: IdleConnections[str] = IdleConnections()
    idle.put("a", 0.0, 10.0)
    idle.put("b", 0.0, 2.0)

    assert idle.next_expiry() == 2.0
    assert idle.take(2.0) == "a"
    assert idle.expired(1.9) == []
    assert idle.expired(2.0) == ["b"]
    assert idle.next_expiry() is None
    assert len(idle) == 0


def test_one_that_the_server_closes_at_once_is_not_kept() -> None:
    idle: IdleConnections[str] = IdleConnections()

    assert idle.put("a", 0.0, 0.0) == "a"
    assert len(idle) == 0


def test_above_the_limit_the_oldest_goes() -> None:
    idle: IdleConnections[int] = IdleConnections()
    for number in range(MAX_IDLE):
        assert idle.put(number, 0.0, 10.0) is None

    assert idle.put(MAX_IDLE, 0.0, 10.0) == 0
    assert len(idle) == MAX_IDLE


def test_one_that_was_closed_is_forgotten() -> None:
    idle: IdleConnections[str] = IdleConnections()
    idle.put("a", 0.0, 10.0)

    idle.discard("a")
    idle.discard("a")

    assert idle.take(0.0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, IDLE_S),
        ("max=100", IDLE_S),
        ("timeout=5", 4.0),
        ("timeout=5, max=1000", 4.0),
        ("max=1000, Timeout = 5", 4.0),
        ('timeout="5"', 4.0),
        ("timeout=120", IDLE_S),
        ("timeout=1", 0.0),
        ("timeout=0", 0.0),
        ("timeout=-5", IDLE_S),
        ("timeout=" + "9" * 400, IDLE_S),
    ],
)
def test_the_server_may_say_how_long_it_waits(header: str | None, seconds: float) -> None:
    assert idle_time_s({} if header is None else {"keep-alive": header}) == seconds
