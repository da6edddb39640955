"""`app.tools.event_merger`: events of several calls, from the loop and from threads."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from app.events import Event, Status, ToolOutputAvailable
from app.tools.event_merger import EventMerger
from tests.tools.sink import Sink

ONE, TWO = Status("one", "c1"), Status("two", "c2")
LAST = ToolOutputAvailable("c1", "done")


async def test_events_leave_in_the_order_in_which_they_were_posted() -> None:
    merger, sink = EventMerger(["c1", "c2"]), Sink()

    merger.offer("c1", ONE)
    merger.offer("c2", TWO)
    merger.end("c1", LAST)
    merger.end("c2")
    await merger.forward(sink.emit)

    assert sink.events == [ONE, TWO, LAST]


async def test_forwarding_goes_on_until_every_call_has_ended() -> None:
    merger, sink = EventMerger(["c1", "c2"]), Sink()
    forwarding = asyncio.create_task(merger.forward(sink.emit))

    merger.end("c1", LAST)
    await sink.until(LAST)
    assert not forwarding.done()
    merger.end("c2")

    await forwarding


async def test_nothing_follows_the_last_event_of_a_call() -> None:
    merger, sink = EventMerger(["c1", "c2"]), Sink()

    merger.end("c1", LAST)
    merger.offer("c1", ONE)
    await merger.send("c1", ONE)
    merger.offer("c2", TWO)
    merger.end("c2")
    await merger.forward(sink.emit)

    assert sink.events == [LAST, TWO]


async def test_nothing_is_accepted_once_the_merger_is_closed() -> None:
    merger, sink = EventMerger(["c1"]), Sink()

    merger.close()
    merger.offer("c1", ONE)
    await merger.send("c1", ONE)
    await merger.forward(sink.emit)

    assert sink.events == []


async def test_of_a_burst_the_last_offers_are_kept_and_the_last_event_too() -> None:
    merger, sink = EventMerger(["c1"], max_waiting=2), Sink()

    for number in range(5):
        merger.offer("c1", Status(str(number), "c1"))
    merger.end("c1", LAST)
    await merger.forward(sink.emit)

    assert sink.events == [Status("3", "c1"), Status("4", "c1"), LAST]


async def test_a_burst_pushes_out_its_own_offers_and_nobody_elses() -> None:
    merger, sink = EventMerger(["c1", "c2", "c3"], max_waiting=3), Sink()

    merger.offer("c2", TWO)
    for number in range(5):
        merger.offer("c1", Status(str(number), "c1"))
    merger.offer("c3", Status("three", "c3"))
    for call_id in ("c1", "c2", "c3"):
        merger.end(call_id)
    await merger.forward(sink.emit)

    assert sink.events == [TWO, Status("4", "c1"), Status("three", "c3")]


async def test_what_has_left_makes_room_for_more() -> None:
    merger, sink = EventMerger(["c1"], max_waiting=2), Sink()
    forwarding = asyncio.create_task(merger.forward(sink.emit))

    for number in range(6):
        merger.offer("c1", Status(str(number), "c1"))
        await sink.until(Status(str(number), "c1"))
    merger.end("c1")
    await forwarding

    assert len(sink.events) == 6


async def test_what_is_sent_is_never_dropped_for_an_offer() -> None:
    merger, sink = EventMerger(["c1"], max_waiting=1), Sink()
    sending = asyncio.create_task(merger.send("c1", LAST))
    await asyncio.sleep(0)

    merger.offer("c1", ONE)
    merger.offer("c1", TWO)
    merger.end("c1")
    await merger.forward(sink.emit)
    await sending

    assert sink.events == [LAST, TWO]


async def test_sending_waits_until_the_event_has_been_emitted() -> None:
    merger = EventMerger(["c1"])
    may_emit, emitting = asyncio.Event(), asyncio.Event()

    async def emit(events: Sequence[Event]) -> None:
        emitting.set()
        await may_emit.wait()

    forwarding = asyncio.create_task(merger.forward(emit))
    sending = asyncio.create_task(merger.send("c1", ONE))
    await emitting.wait()
    assert not sending.done()
    may_emit.set()
    await sending

    merger.end("c1")
    await forwarding


async def test_a_sender_that_was_cancelled_does_no_harm() -> None:
    merger, sink = EventMerger(["c1"]), Sink()

    async def emit(events: Sequence[Event]) -> None:
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        merger.end("c1")
        await sink.emit(events)

    sending = asyncio.create_task(merger.send("c1", ONE))
    await merger.forward(emit)

    assert sink.events == [ONE]


async def test_events_of_many_threads_all_arrive() -> None:
    ids = [f"c{number}" for number in range(8)]
    merger, sink = EventMerger(ids, max_waiting=10_000), Sink()

    def work(call_id: str) -> None:
        for number in range(100):
            merger.offer(call_id, Status(str(number), call_id))
        loop.call_soon_threadsafe(merger.end, call_id)

    loop = asyncio.get_running_loop()
    threads = [threading.Thread(target=work, args=(call_id,)) for call_id in ids]
    for thread in threads:
        thread.start()
    await merger.forward(sink.emit)

    for call_id in ids:
        of_call = [
            event.message
            for event in sink.events
            if isinstance(event, Status) and event.tool_call_id == call_id
        ]
        assert of_call == [str(number) for number in range(100)]


async def test_silence_is_noticed_until_there_is_an_event() -> None:
    merger, sink = EventMerger(["c1"]), Sink()
    silences = 0

    async def on_idle() -> None:
        nonlocal silences
        silences += 1
        if silences == 3:
            merger.end("c1", LAST)

    await merger.forward(sink.emit, idle_s=0.001, on_idle=on_idle)

    assert silences == 3
    assert sink.events == [LAST]


async def test_silence_that_nobody_asked_about_is_no_event() -> None:
    merger, sink = EventMerger(["c1"]), Sink()
    asyncio.get_running_loop().call_later(0.01, merger.end, "c1", LAST)

    await merger.forward(sink.emit, idle_s=0.001)

    assert sink.events == [LAST]
