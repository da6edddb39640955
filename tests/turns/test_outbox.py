"""Frames on their way: at once, in order, bounded, with something to say in silence."""

import asyncio

import pytest

from app.turns.outbox import Outbox


class Client:
    """The other end: takes bytes while its gate is open.

    Attributes:
        got: all that it has taken.
        asked: set when somebody wants to send.
    """

    def __init__(self, *, is_open: bool = True) -> None:
        self.got: list[bytes] = []
        self.asked = asyncio.Event()
        self._gate = asyncio.Event()
        if is_open:
            self._gate.set()

    def open(self) -> None:
        self._gate.set()

    def shut(self) -> None:
        self._gate.clear()
        self.asked.clear()

    async def write(self, data: bytes) -> None:
        self.asked.set()
        await self._gate.wait()
        self.got.append(data)

    async def until(self, count: int) -> None:
        """Return as soon as ``count`` writes were taken."""
        while len(self.got) < count:
            self.asked.clear()
            await self.asked.wait()
            await asyncio.sleep(0)


def _outbox(
    *, keep_alive_s: float = 60, keep_alive: bytes = b"\n", high_water_bytes: int = 10
) -> Outbox:
    outbox = Outbox(
        keep_alive_s=keep_alive_s,
        keep_alive=lambda: keep_alive,
        high_water_bytes=high_water_bytes,
    )
    outbox.start_keep_alive()
    return outbox


async def test_what_waits_for_the_response_leaves_as_one_write() -> None:
    outbox, client = _outbox(), Client()
    await outbox.put(b"one ")
    await outbox.put(b"two")

    await outbox.connect(client.write)

    assert client.got == [b"one two"]
    outbox.close()


async def test_after_that_every_frame_leaves_at_once() -> None:
    outbox, client = _outbox(), Client()
    await outbox.connect(client.write)

    await outbox.put(b"one")
    await outbox.put(b"two")

    assert client.got == [b"one", b"two"]
    outbox.close()


async def test_an_empty_frame_is_no_write() -> None:
    outbox, client = _outbox(), Client()
    await outbox.put(b"")
    await outbox.connect(client.write)

    await outbox.put(b"")

    assert client.got == []
    outbox.close()


async def test_a_frame_that_comes_while_the_first_ones_leave_stays_behind_them() -> None:
    outbox, client = _outbox(), Client(is_open=False)
    await outbox.put(b"one")
    connecting = asyncio.create_task(outbox.connect(client.write))
    await client.asked.wait()

    await outbox.put(b"two")
    client.open()
    await connecting
    await outbox.put(b"three")

    assert client.got == [b"one", b"two", b"three"]
    outbox.close()


async def test_before_the_response_no_more_waits_than_the_high_water_mark_and_one_frame() -> None:
    outbox, client = _outbox(high_water_bytes=10), Client()
    await outbox.put(b"x" * 10)
    putting = asyncio.create_task(outbox.put(b"y"))

    done, _ = await asyncio.wait({putting}, timeout=0.05)
    assert not done

    await outbox.connect(client.write)
    await putting
    assert client.got == [b"x" * 10 + b"y"]
    outbox.close()


async def test_a_client_that_does_not_take_its_frame_holds_back_the_next() -> None:
    outbox, client = _outbox(), Client(is_open=False)
    await outbox.connect(client.write)
    putting = asyncio.create_task(outbox.put(b"one"))
    await client.asked.wait()

    while_it_waits = (outbox.is_writing, putting.done())
    client.open()
    await putting

    assert while_it_waits == (True, False)
    assert outbox.is_writing is False
    outbox.close()


async def test_two_frames_may_wait_for_the_client_side_by_side() -> None:
    outbox, client = _outbox(), Client(is_open=False)
    await outbox.connect(client.write)
    first, second = (asyncio.create_task(outbox.put(frame)) for frame in (b"one", b"two"))
    await client.asked.wait()

    first.cancel()
    await asyncio.wait([first])
    while_one_waits = outbox.is_writing
    client.open()
    await second

    assert (while_one_waits, outbox.is_writing) == (True, False)
    assert client.got == [b"two"]
    outbox.close()


async def test_silence_is_filled_again_and_again() -> None:
    outbox, client = _outbox(keep_alive_s=0.01, keep_alive=b": ping\n\n"), Client()
    await outbox.connect(client.write)

    await client.until(3)

    assert client.got[:3] == [b": ping\n\n"] * 3
    outbox.close()


async def test_a_frame_puts_off_the_next_keep_alive() -> None:
    outbox, client = _outbox(keep_alive_s=0.2), Client()
    await outbox.connect(client.write)
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.1)
    sent_at = loop.time()  # before, as what puts off counts from within
    await outbox.put(b"one")

    await client.until(2)

    assert client.got == [b"one", b"\n"]
    assert loop.time() - sent_at >= 0.2
    outbox.close()


async def test_a_protocol_without_keep_alives_stays_silent() -> None:
    outbox, client = _outbox(keep_alive_s=0.01, keep_alive=b""), Client()
    await outbox.connect(client.write)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.until(1), 0.05)

    outbox.close()


async def test_before_the_response_there_is_nobody_to_keep_alive() -> None:
    outbox, client = _outbox(keep_alive_s=0.01), Client()
    await asyncio.sleep(0.05)

    await outbox.put(b"one")
    await outbox.connect(client.write)

    assert client.got == [b"one"]
    outbox.close()


async def test_a_client_that_does_not_read_gets_no_keep_alives_on_top() -> None:
    outbox, client = _outbox(keep_alive_s=0.01), Client(is_open=False)
    await outbox.connect(client.write)
    putting = asyncio.create_task(outbox.put(b"one"))

    await asyncio.wait({putting}, timeout=0.05)
    outbox.close()
    client.open()
    await putting

    assert client.got == [b"one"]


async def test_what_waited_when_it_was_closed_still_leaves() -> None:
    outbox, client = _outbox(), Client()
    await outbox.put(b"one")
    outbox.close()
    await outbox.put(b"two")

    await outbox.connect(client.write)

    assert client.got == [b"one"]


async def test_closing_lets_go_of_whoever_waits_for_room() -> None:
    outbox = _outbox(high_water_bytes=1)
    putting = asyncio.create_task(outbox.put(b"one"))
    await asyncio.sleep(0)

    outbox.close()
    outbox.close()

    await putting


async def test_after_the_end_there_are_no_keep_alives() -> None:
    outbox, client = _outbox(keep_alive_s=0.01), Client()
    await outbox.connect(client.write)

    outbox.close()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.until(1), 0.05)


async def test_the_end_cuts_a_keep_alive_that_nobody_takes() -> None:
    outbox, client = _outbox(keep_alive_s=0.01), Client(is_open=False)
    await outbox.connect(client.write)
    await client.asked.wait()

    outbox.close()
    await asyncio.sleep(0)
    client.open()
    await asyncio.sleep(0)

    assert client.got == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_turn_that_ends_before_its_response_begins_waits_for_nobody() -> None:
    outbox = Outbox(keep_alive_s=60, keep_alive=lambda: b"", high_water_bytes=2)
    blocked = asyncio.create_task(outbox.put(b"much"))
    await asyncio.sleep(0)
    assert not blocked.done()

    outbox.hold_back_no_more()
    await blocked
    await outbox.put(b"the end")

    outbox.close()


async def test_a_frame_that_is_taken_at_once_is_not_written_again() -> None:
    outbox, client = _outbox(), Client()
    taken: list[bytes] = []
    is_taking = True

    def write_at_once(frame: bytes) -> bool:
        if is_taking:
            taken.append(frame)
        return is_taking

    await outbox.put(b"early")
    await outbox.connect(client.write, write_at_once)
    await outbox.put(b"one")
    is_taking = False
    await outbox.put(b"two")
    outbox.close()
    is_taking = True
    await outbox.put(b"late")

    assert (client.got, taken) == ([b"early", b"two"], [b"one"])


async def test_nothing_overtakes_a_frame_that_the_client_has_yet_to_take() -> None:
    outbox, client = _outbox(), Client()
    is_taking = False
    await outbox.connect(client.write, lambda frame: is_taking)
    client.shut()
    first = asyncio.create_task(outbox.put(b"one"))
    await client.asked.wait()

    is_taking = True
    second = asyncio.create_task(outbox.put(b"two"))
    await asyncio.sleep(0)
    client.open()
    await asyncio.gather(first, second)

    assert client.got == [b"one", b"two"]
