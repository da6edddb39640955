"""`app.turns.recorder`: what waits for the store, and the message that grows with it."""

import pytest

from app.events import Abort, Error, Event, Finish, Start, StepEnd, StepStart, Terminal, TextDelta
from app.store.event_log import decode
from app.store.store import Batch
from app.turns.errors import GIVEN_UP
from app.turns.recorder import Recorder
from app.turns.transcript import Transcript

TURN: list[Event] = [Start("m"), StepStart(), *map(TextDelta, "abc"), StepEnd("stop")]


class Told:
    """A recorder, and how often it has called."""

    def __init__(self, *, written: int = 0) -> None:
        self.full = self.closed = 0
        self.recorder = Recorder(
            "t1", Transcript("m"), written=written, on_full=self._full, on_close=self._close
        )

    def note(self, *events: Event) -> "Told":
        for event in events:
            self.recorder.note(event)
        return self

    def _full(self) -> None:
        self.full += 1

    def _close(self) -> None:
        self.closed += 1


def test_what_is_taken_is_numbered_and_decodes_to_what_was_noted() -> None:
    recorder = Told(written=1).note(*TURN[:3]).recorder

    recorder.take()
    recorder.take()
    recorder.note(TURN[3])
    recorder.take()

    assert [(batch.turn, batch.seq) for batch in recorder.unwritten] == [("t1", 2), ("t1", 3)]
    assert [decode(batch.data) for batch in recorder.unwritten] == [TURN[:3], TURN[3:4]]


def test_what_is_in_the_store_is_dropped() -> None:
    recorder = Told().recorder
    for event in TURN[:4]:
        recorder.note(event)
        recorder.take()

    recorder.forget(recorder.unwritten[1])

    assert [batch.seq for batch in recorder.unwritten] == [3, 4]


def test_much_at_once_is_cut_into_batches() -> None:
    recorder = Told().note(*(TextDelta("x" * 1000) for _ in range(200))).recorder

    recorder.take()

    assert len(recorder.unwritten) > 2
    assert max(len(batch.data) for batch in recorder.unwritten) <= 64 * 1024


def test_a_run_of_text_is_taken_as_any_other_events_are() -> None:
    recorder = Told().note(*TURN[:2]).recorder
    recorder.take()
    recorder.note(TextDelta("a"))
    recorder.note(TextDelta("b"))
    recorder.take()
    recorder.take()

    assert [decode(batch.data) for batch in recorder.unwritten] == [
        TURN[:2],
        [TextDelta("a"), TextDelta("b")],
    ]
    assert recorder.message()["parts"][1]["text"] == "ab"


def test_a_long_text_does_not_wait_in_pieces_for_its_end() -> None:
    recorder = Told().note(*TURN[:2]).recorder
    recorder.take()
    for _ in range(3):
        for _ in range(200):
            recorder.note(TextDelta("ab"))
        recorder.take()

    # A piece of two letters takes sixty bytes.
    assert len(recorder.transcript.message()["parts"][1]["text"]) == 2 * 400
    assert recorder.message()["parts"][1]["text"] == "ab" * 600
    assert recorder.message()["parts"][1]["text"] == "ab" * 600


def test_the_message_grows_with_what_is_taken() -> None:
    told = Told().note(*TURN[:4])
    told.recorder.take()
    told.note(*TURN[4:], Finish("stop"))
    told.recorder.close()

    assert told.recorder.transcript.message()["parts"][1]["text"] == "abc"
    assert (told.closed, told.recorder.is_closed) == (1, True)


@pytest.mark.parametrize(
    ("end", "state"),
    [(Finish("stop"), "finished"), (Abort(), "stopped"), (Error("x", "No."), "failed")],
)
def test_the_last_event_says_how_the_turn_ended(end: Terminal, state: str) -> None:
    told = Told().note(*TURN)
    told.recorder.take()
    assert told.recorder.state == "running"

    told.note(end).recorder.close()

    assert told.recorder.state == state


def test_it_says_when_much_waits() -> None:
    told = Told().note(*TURN)
    told.recorder.weigh(200 * 1024)
    assert told.full == 0

    told.recorder.weigh(100 * 1024)
    told.recorder.weigh(100 * 1024)

    assert told.full == 1


def test_a_log_that_begins_late_has_what_was_noted_before() -> None:
    recorder = Told().note(*TURN[:3]).recorder
    recorder.take()
    recorder.note(TURN[3])

    recorder.begin("t2", None, None)
    recorder.take()

    assert [(batch.turn, batch.seq) for batch in recorder.unwritten] == [("t2", 1), ("t2", 2)]
    assert [decode(batch.data) for batch in recorder.unwritten] == [TURN[:3], TURN[3:4]]
    assert recorder.message()["parts"][-1]["text"] == "ab"


def test_a_continuation_that_begins_late_continues_the_message_of_the_store() -> None:
    stored = {"id": "kept", "role": "assistant", "parts": [{"type": "text", "text": "Before."}]}
    recorder = Told().note(*TURN[:3]).recorder
    recorder.take()

    recorder.begin("t2", Batch("t2", 1, b"what was said before"), stored)
    recorder.note(TURN[3])
    recorder.take()

    message = recorder.message()
    assert [batch.seq for batch in recorder.unwritten] == [2, 3]
    assert message["id"] == "kept"
    assert [part.get("text") for part in message["parts"]] == ["Before.", None, "ab"]
    assert recorder.transcript.message()["id"] == "m"


def test_a_log_that_is_given_up_ends_with_what_says_so() -> None:
    recorder = Told().note(*TURN[:3]).recorder
    recorder.take()
    assert recorder.waiting_bytes > 0

    recorder.give_up()
    recorder.note(TURN[3])
    recorder.take()
    assert (recorder.waiting_bytes, recorder.is_unplaced) == (0, True)
    recorder.place(4)
    recorder.note(TURN[4])
    recorder.take()

    assert not recorder.is_unplaced
    assert [(batch.seq, decode(batch.data)) for batch in recorder.unwritten] == [(5, [GIVEN_UP])]
    assert recorder.message()["parts"][1]["text"] == "abc"


def test_a_log_of_which_nothing_was_written_begins_all_the_same() -> None:
    recorder = Told().note(*TURN[:3]).recorder
    recorder.take()
    recorder.give_up()

    recorder.begin("t2", None, None)

    (batch,) = recorder.unwritten
    assert (batch.turn, batch.seq, decode(batch.data)) == ("t2", 1, [Start("m"), GIVEN_UP])


def test_a_continuation_that_was_given_up_adds_to_the_message_of_the_store() -> None:
    stored = {"id": "kept", "role": "assistant", "parts": [{"type": "text", "text": "Before."}]}
    recorder = Told().note(*TURN[:3]).recorder
    recorder.take()
    recorder.give_up()

    recorder.begin("t2", Batch("t2", 1, b"what was said before"), stored)

    assert [part.get("text") for part in recorder.message()["parts"]] == ["Before.", None, "a"]
    assert [(batch.seq, decode(batch.data)) for batch in recorder.unwritten] == [(2, [GIVEN_UP])]


def test_what_the_store_has_lost_is_written_again() -> None:
    recorder = Told(written=1).recorder
    for event in TURN[:5]:
        recorder.note(event)
        recorder.take()
    whole = list(recorder.unwritten)
    recorder.forget(whole[3])

    assert not recorder.write_again(held=5)
    assert recorder.unwritten == whole[4:]
    assert recorder.write_again(held=3)
    assert recorder.unwritten == whole[2:]
    recorder.forget(whole[4])
    assert recorder.unwritten == []
    assert recorder.write_again()
    assert recorder.unwritten == whole
    assert not recorder.write_again()


def test_the_end_is_told_once() -> None:
    told = Told().note(*TURN)

    told.recorder.close()
    told.recorder.close()

    assert told.closed == 1
