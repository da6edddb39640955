"""`app.providers.step_stream`: from a response's bytes to emitted events.

The same over a real socket is in `tests/providers/openai/test_chat.py`.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest

from app.errors import ProviderError, ProviderTimeout
from app.events import Error, Event, StepEnd, StepStart, TextDelta
from app.messages import Message, StepRequest, TextPart, ToolCallPart, ToolOutputPart
from app.providers.step_stream import MAX_SILENT_BYTES, call_ids, stream_events

FAILED = Error("provider_error", "No.")


class Stream:
    """A stream whose reads are given: bytes, or an error to raise."""

    def __init__(self, *reads: bytes | ProviderError, is_at_end: bool = False) -> None:
        self.left = list(reads)
        self.is_at_end = is_at_end
        self.is_closed = False

    async def read(self) -> bytes:
        read = self.left.pop(0) if self.left else b""
        if isinstance(read, ProviderError):
            raise read
        return read

    async def aclose(self) -> None:
        self.is_closed = True


class PushedStream(Stream):
    """A stream whose reads are brought to it, one after the other, by the event loop."""

    def __init__(self, *reads: bytes | ProviderError, is_at_end: bool = False) -> None:
        super().__init__(*reads, is_at_end=is_at_end)
        self.came: list[bytes | ProviderError] = []
        self.listener: Callable[[], None] | None = None

    def take(self) -> bytes | None:
        if not self.came:
            return None
        came = self.came.pop(0)
        if isinstance(came, ProviderError):
            raise came
        return came

    def listen(self, listener: Callable[[], None] | None) -> None:
        self.listener = listener
        if listener is not None:
            asyncio.get_running_loop().call_soon(self._bring)

    def _bring(self) -> None:
        if self.listener is not None:
            self.came.append(self.left.pop(0) if self.left else b"")
            asyncio.get_running_loop().call_soon(self._bring)
            self.listener()


class SilentStream(Stream):
    """A stream that never brings another byte."""

    async def read(self) -> bytes:
        return await super().read() if self.left else await asyncio.Future()


class Decoder:
    """Makes a text of each read, until one is a full stop."""

    def __init__(self) -> None:
        self.done = False
        self.failure: ProviderError | None = None

    def feed(self, data: bytes) -> list[Event]:
        self.done = data == b"."
        if self.done:
            return [StepEnd("stop")]
        return [TextDelta(data.decode())] if data.strip() else []

    def end(self) -> list[Event]:
        return self.break_off(ProviderError("cut off"))

    def break_off(self, error: ProviderError) -> list[Event]:
        self.done = True
        self.failure = error
        return [FAILED]


async def emitted(stream: Stream) -> list[list[Event]]:
    """Return the events of each `emit`."""
    lists: list[list[Event]] = []

    async def emit(events: Sequence[Event]) -> None:
        lists.append(list(events))

    await stream_events(stream, Decoder(), emit)
    return lists


async def test_each_read_is_emitted_at_once_behind_the_start() -> None:
    lists = await emitted(Stream(b"a", b"b", b"."))

    assert lists == [[StepStart()], [TextDelta("a")], [TextDelta("b")], [StepEnd("stop")]]


@pytest.mark.parametrize(
    "reads",
    [
        (b"a", b"b", b"."),
        (b"a", b" ", b"b" * 200_000, b"."),
        (b"a", ProviderTimeout("too long a silence")),
        (b"a",),
    ],
    ids=["whole", "long", "failed", "cut off"],
)
async def test_a_stream_that_pushes_gives_the_same(reads: Sequence[bytes | ProviderError]) -> None:
    pushed = PushedStream(*reads)

    assert await emitted(pushed) == await emitted(Stream(*reads))
    assert pushed.is_closed
    assert pushed.listener is None


async def test_what_is_pushed_is_emitted_before_anybody_else_runs() -> None:
    stream = PushedStream(b"a")
    lists: list[Sequence[Event]] = []
    at_once: list[bool] = []

    async def emit(events: Sequence[Event]) -> None:
        lists.append(events)

    def bring(listener: Callable[[], None]) -> None:
        stream.came.append(b"a")
        listener()
        at_once.append(lists[-1] == [TextDelta("a")])
        stream.came.append(b".")
        listener()

    def listen(listener: Callable[[], None] | None) -> None:
        if listener is not None:
            asyncio.get_running_loop().call_soon(bring, listener)

    stream.listen = listen  # type: ignore[method-assign]
    await stream_events(stream, Decoder(), emit)

    assert at_once == [True]


async def test_a_pushed_stream_waits_for_a_client_that_reads_slowly() -> None:
    stream = PushedStream(b"a", b"b", b".")
    room = asyncio.Event()
    lists: list[Sequence[Event]] = []

    async def emit(events: Sequence[Event]) -> None:
        lists.append(events)
        if events == [TextDelta("a")]:
            await room.wait()

    task = asyncio.create_task(stream_events(stream, Decoder(), emit))
    for _ in range(6):
        await asyncio.sleep(0)
    assert len(stream.came) >= 2
    assert lists == [(StepStart(),), [TextDelta("a")]]
    room.set()
    await task

    assert lists[2:] == [[TextDelta("b")], [StepEnd("stop")]]


async def test_a_read_without_events_is_not_emitted() -> None:
    assert await emitted(Stream(b" ", b".")) == [[StepStart()], [StepEnd("stop")]]


async def test_the_end_of_the_body_is_the_decoders_to_judge(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "app"):
        lists = await emitted(Stream(b"a"))

    assert lists[-1] == [FAILED]
    assert "cut off" in caplog.text


async def test_a_failed_read_is_an_event_and_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = Stream(b"a", ProviderTimeout("too long a silence"))

    with caplog.at_level(logging.WARNING, "app"):
        lists = await emitted(stream)

    assert lists == [[StepStart()], [TextDelta("a")], [FAILED]]
    assert "too long a silence" in caplog.text
    assert stream.is_closed


async def test_a_server_that_sends_and_says_nothing_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reads = [b" " * 2**20] * (MAX_SILENT_BYTES // 2**20)
    patient = Stream(*reads, b"a", *reads, b".")
    stream = Stream(*reads, b" ", b"never read")

    with caplog.at_level(logging.WARNING, "app"):
        lists = await emitted(stream)

    assert lists == [[StepStart()], [FAILED]]
    assert "bytes came that say nothing" in caplog.text
    assert stream.left == [b"never read"]
    assert (await emitted(patient))[1:] == [[TextDelta("a")], [StepEnd("stop")]]


async def test_others_have_their_turn_while_a_long_read_is_decoded() -> None:
    turns: list[int] = []
    lists: list[Sequence[Event]] = []

    async def somebody_else() -> None:
        while True:
            turns.append(len(lists))
            await asyncio.sleep(0)

    async def emit(events: Sequence[Event]) -> None:
        lists.append(events)

    other = asyncio.create_task(somebody_else())
    await stream_events(Stream(b"a" * 300_000, b"."), Decoder(), emit)
    other.cancel()

    text = "".join(e.text for events in lists for e in events if isinstance(e, TextDelta))
    assert text == "a" * 300_000
    assert {2, 3, 4, 5} <= set(turns)


async def test_the_rest_of_the_body_is_read_so_that_the_connection_can_be_used_again() -> None:
    stream = Stream(b".", b"rest", b"")

    await emitted(stream)

    assert stream.left == []
    assert stream.is_closed


async def test_a_body_that_is_at_its_end_is_not_read_again() -> None:
    stream = Stream(b".", b"rest", is_at_end=True)

    await emitted(stream)

    assert stream.left == [b"rest"]


async def test_a_rest_that_does_not_come_or_fails_ends_the_step_all_the_same() -> None:
    for stream in (SilentStream(b"."), Stream(b".", ProviderError("lost"))):
        assert (await emitted(stream))[-1] == [StepEnd("stop")]
        assert stream.is_closed


async def test_a_stream_is_closed_if_nobody_takes_its_events() -> None:
    stream = Stream(b"a", b".")

    async def emit(_: Sequence[Event]) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await stream_events(stream, Decoder(), emit)

    assert stream.is_closed


def test_the_call_ids_of_a_request_are_those_of_its_history() -> None:
    messages = [
        Message("user", [TextPart("Hi")]),
        Message("assistant", [ToolCallPart("a", "f", {}), ToolCallPart("b", "f", {})]),
        Message("tool", [ToolOutputPart("a", "f", 1), ToolOutputPart("b", "f", 2)]),
    ]

    assert call_ids(StepRequest(model="m", messages=messages)) == {"a", "b"}
