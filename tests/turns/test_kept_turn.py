"""`app.turns.kept_turn`: a turn is stopped once, whenever it is asked."""

import asyncio

from app.events import Abort, Error, Start, Terminal
from app.store.event_log import decode
from app.store.store import TurnHead
from app.turns.errors import TooManyTurns
from app.turns.kept_turn import KeptTurn
from app.turns.recorder import Recorder
from app.turns.transcript import Transcript


class _Live:
    def __init__(self) -> None:
        self.stopped: list[Terminal] = []

    def stop(self, event: Terminal) -> None:
        self.stopped.append(event)


def _kept() -> KeptTurn:
    head = TurnHead(id="t1", owner="", chat_id="c1", message_id="m")
    recorder = Recorder("t1", Transcript("m"), on_full=lambda: None, on_close=lambda: None)
    return KeptTurn(head, recorder)


async def test_the_first_reason_counts() -> None:
    kept, live = _kept(), _Live()
    kept.run_by(live)  # type: ignore[arg-type]

    kept.stop(Abort("stop"))
    kept.stop(Abort("deleted"))

    assert live.stopped == [Abort("stop")]


async def test_a_turn_that_is_stopped_before_it_runs_is_stopped_as_soon_as_it_does() -> None:
    kept, live = _kept(), _Live()

    kept.stop(Abort("superseded"))
    kept.run_by(live)  # type: ignore[arg-type]

    assert live.stopped == [Abort("superseded")]


async def test_a_turn_that_cannot_be_started_has_an_end() -> None:
    kept = _kept()

    kept.give_up()

    (batch,) = kept.recorder.unwritten
    error = Error(TooManyTurns.code, TooManyTurns.public_message)
    assert decode(batch.data) == [Start("m"), error]
    assert kept.recorder.is_closed


async def test_the_end_is_told_once() -> None:
    kept = _kept()

    kept.settle(True)
    kept.settle(False)

    assert await kept.ended is True


async def test_a_response_waits_for_the_store_only_where_it_has_to() -> None:
    kept = _kept()
    clock = asyncio.get_running_loop().time
    async with asyncio.timeout(5):
        await kept.written()

        kept.write_until = lambda: clock() - 1
        await kept.written()

        kept.write_until = lambda: clock() + 0.05
        await kept.written()
        assert not kept.ended.done()

        kept.write_until = lambda: clock() + 60
        waiting = asyncio.create_task(kept.written())
        await asyncio.sleep(0)
        assert not waiting.done()
        kept.settle(True)
        await waiting
