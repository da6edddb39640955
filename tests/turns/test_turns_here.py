"""`app.turns.turns_here`: turns are found by each of their ids, and by their chat."""

import msgspec

from app.store.store import TurnHead
from app.turns.kept_turn import KeptTurn
from app.turns.recorder import Recorder
from app.turns.transcript import Transcript
from app.turns.turns_here import TurnsHere


def _kept(turn: str, chat_id: str = "c1", owner: str = "") -> KeptTurn:
    head = TurnHead(id=turn, owner=owner, chat_id=chat_id, message_id="m")
    recorder = Recorder(turn, Transcript("m"), on_full=lambda: None, on_close=lambda: None)
    return KeptTurn(head, recorder)


def test_a_turn_is_found_by_its_id_and_by_its_chat() -> None:
    here = TurnsHere()
    first, second, other = _kept("t1"), _kept("t2"), _kept("t3", owner="somebody else")

    for kept in (first, second, other):
        here.add(kept)

    assert "t1" in here
    assert "t4" not in here
    assert here.get("t2") is second
    assert here.get("t4") is None
    assert here.of("", "c1") == (first, second)
    assert here.of("somebody else", "c1") == (other,)
    assert here.of("", "c2") == ()
    assert list(here) == [first, second, other]


def test_a_turn_with_two_ids_is_one_turn_and_leaves_nothing_behind() -> None:
    here = TurnsHere()
    first, second = _kept("t1"), _kept("t2")
    here.add(first)
    here.add(second)

    first.head = msgspec.structs.replace(first.head, id="t3")
    here.add(first)

    assert here.get("t1") is here.get("t3") is first
    assert list(here) == [first, second]

    here.remove(first, first_id="t1")
    assert here.of("", "c1") == (second,)
    here.remove(second, first_id="t2")
    assert len(here) == 0
    assert list(here) == []
