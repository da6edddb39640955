"""What every engine relies on: what a turn is that has just begun."""

from app.store.store import TurnHead


def test_a_turn_runs_until_somebody_ends_it() -> None:
    head = TurnHead(id="t", owner="", chat_id="c", message_id="m")

    assert (head.state, head.stop, head.ended_at) == ("running", None, None)


def test_a_turn_that_begins_a_message_is_live_from_the_start() -> None:
    assert TurnHead(id="t", owner="", chat_id="c", message_id="m").live_from == 0
