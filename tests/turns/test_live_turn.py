"""How a turn ends: by itself, by a failure, by a limit, because its client left."""

import asyncio
import functools
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from app.errors import (
    ProviderError,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnauthorized,
)
from app.events import (
    Emit,
    Error,
    Event,
    Finish,
    Start,
    StepEnd,
    StepStart,
    TextDelta,
    ToolInputStart,
    Usage,
)
from app.protocols.data_stream import DataStreamEncoder
from app.protocols.framing import Framer
from app.turns.errors import DEFECT, SHUTDOWN, TIME_LIMIT
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.outcome import TurnLabels, TurnOutcome
from app.turns.progress import TurnProgress
from app.turns.transcript import Transcript
from tests.chatting import logged

BEGIN: list[Event] = [Start("msg-1"), StepStart()]
END: list[Event] = [StepEnd("stop", Usage(3, 2)), Finish("stop", Usage(3, 2))]


class Told:
    """A turn under test, with what it has told the outside.

    Attributes:
        turn: the turn.
        wire: what the client got.
        ends: how often the turn has said that it is over.
    """

    def __init__(
        self, run: Callable[[Emit], Awaitable[None]], *, is_whole: bool = False, **options: Any
    ) -> None:
        self.wire = b""
        self.ends = 0
        self.outbox = Outbox(keep_alive_s=60, keep_alive=lambda: b"")
        self.progress = TurnProgress(model="m", started=time.perf_counter())
        self.turn = LiveTurn(
            functools.partial(self._counted, run),
            labels=TurnLabels(request_id="r1"),
            message_id="msg-1",
            framer=Framer(DataStreamEncoder()),
            outbox=None if is_whole else self.outbox,
            progress=self.progress,
            transcript=Transcript("msg-1"),
            **options,
        )
        self.turn.start(self._count)

    @property
    def outcome(self) -> TurnOutcome:
        """How the turn ended."""
        assert self.turn.outcome is not None
        return self.turn.outcome

    async def over(self) -> "Told":
        """Wait until the turn is over."""
        await self.outbox.connect(self._take)
        await asyncio.wait([self.turn.task])
        self.outbox.close()
        return self

    async def _counted(self, run: Callable[[Emit], Awaitable[None]], emit: Emit) -> None:
        """Run the turn and add the usage of its steps, as `run_turn` does."""

        async def emit_counted(events: Sequence[Event]) -> None:
            for event in events:
                if isinstance(event, StepEnd):
                    self.progress.add_usage(event.usage)
            await emit(events)

        await run(emit_counted)

    def _count(self, _: LiveTurn) -> None:
        self.ends += 1

    async def _take(self, data: bytes) -> None:
        self.wire += data


def _saying(*events: Event, then: BaseException | None = None) -> Callable[[Emit], Awaitable[None]]:
    async def run(emit: Emit) -> None:
        if events:
            await emit(events)
        if then is not None:
            raise then

    return run


def _waiting(*events: Event) -> Callable[[Emit], Awaitable[None]]:
    async def run(emit: Emit) -> None:
        if events:
            await emit(events)
        await asyncio.Event().wait()

    return run


async def test_a_turn_that_ends_by_itself_is_told_once_with_its_facts() -> None:
    told = await Told(_saying(*BEGIN, TextDelta("Hi"), *END)).over()

    outcome = told.outcome
    assert told.wire.startswith(b'f:{"messageId":"msg-1"}\n0:"Hi"\n')
    assert told.ends == 1
    assert (outcome.finish_reason, outcome.steps) == ("stop", 1)
    assert outcome.usage == Usage(3, 2)
    assert outcome.first_token_ms is not None
    assert 0 < outcome.first_token_ms <= outcome.duration_ms
    assert told.turn.error is None
    assert told.turn.transcript is not None
    assert told.turn.transcript.text == "Hi"


async def test_a_turn_is_open_with_its_first_event_and_has_its_first_token_later() -> None:
    told = Told(_waiting(*BEGIN))

    await told.turn.opened

    assert told.progress.first_token_ms is None
    await told.turn.leave()
    told.outbox.close()


async def test_a_failure_before_the_first_event_is_an_exception_for_the_route() -> None:
    error = ProviderUnauthorized("sk-secret is wrong")
    told = Told(_saying(then=error))

    with pytest.raises(ProviderUnauthorized):
        await told.turn.opened
    await told.over()

    assert told.wire == b""
    assert told.ends == 1
    assert (told.outcome.status, told.turn.error) == (502, Error(error.code, error.public_message))


async def test_a_failure_that_nobody_waits_for_leaves_no_warning() -> None:
    told = Told(_saying(then=ProviderUnauthorized("x")))

    with logged() as log:
        await told.over()
        del told
        gc.collect()
        await asyncio.sleep(0)

    assert [record for record in log.records if record.name == "asyncio"] == []


@pytest.mark.parametrize("begin", [[], BEGIN])
async def test_a_failure_after_the_answer_has_begun_is_an_error_in_the_stream(
    begin: list[Event],
) -> None:
    async def run(emit: Emit) -> None:
        await asyncio.sleep(0)
        await _saying(*begin, then=ProviderError("details"))(emit)

    told = Told(run)
    told.turn.answer_anyway()
    await told.over()

    assert f'3:"{ProviderError.public_message}"\n'.encode() in told.wire
    assert told.turn.error == Error(ProviderError.code, ProviderError.public_message)
    assert (told.outcome.status, told.outcome.finish_reason) == (200, "error")


@pytest.mark.parametrize(
    "defect",
    [
        ValueError("sk-secret"),
        TimeoutError("an inner one"),
        # An event that the grammar does not allow here.
        None,
    ],
)
async def test_a_defect_is_an_error_that_says_nothing_of_it(defect: Exception | None) -> None:
    run = _saying(*BEGIN, then=defect)
    if defect is None:
        run = _saying(*BEGIN, StepStart())

    with logged() as log:
        told = Told(run)
        told.turn.answer_anyway()
        await told.over()

    assert f'3:"{DEFECT.message}"\n'.encode() in told.wire
    assert b"secret" not in told.wire
    assert told.turn.error == DEFECT
    assert [record.exc_info is not None for record in log.records] == [True]


@pytest.mark.parametrize("events", [[], BEGIN])
async def test_a_turn_that_forgets_its_end_is_a_defect(events: list[Event]) -> None:
    async def run(emit: Emit) -> None:
        await asyncio.sleep(0)
        await _saying(*events)(emit)

    told = Told(run)
    told.turn.answer_anyway()
    await told.over()

    assert f'3:"{DEFECT.message}"\n'.encode() in told.wire
    assert told.turn.error == DEFECT


async def test_a_turn_that_is_cut_off_still_counts_its_steps_and_their_tokens() -> None:
    async def run(emit: Emit) -> None:
        await emit(BEGIN)
        for _ in range(2):
            await emit([TextDelta("Hi"), StepEnd("tool-calls", Usage(3, 2))])
            await emit([StepStart()])
        raise ProviderError("x")

    told = await Told(run).over()

    assert (told.outcome.steps, told.outcome.usage) == (3, Usage(6, 4))


async def test_a_defect_before_the_first_event_is_500() -> None:
    told = Told(_saying(then=ValueError("x")))

    with pytest.raises(ValueError, match="x"):
        await told.turn.opened
    await told.over()

    assert (told.outcome.status, told.turn.error) == (500, DEFECT)


class Panic(BaseException):
    """What an extension in Rust raises is no `Exception`."""


ESCAPES: list[BaseException] = [
    Panic("sk-secret"),
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError("from inside"),
]


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: type(escape).__name__)
async def test_whatever_a_provider_raises_the_stream_ends_with_its_error(
    escape: BaseException,
) -> None:
    told = await Told(_saying(*BEGIN, then=escape)).over()

    assert f'3:"{DEFECT.message}"\n'.encode() in told.wire
    assert b"secret" not in told.wire
    assert (told.turn.error, told.outcome.status, told.ends) == (DEFECT, 200, 1)


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda escape: type(escape).__name__)
async def test_whatever_a_provider_raises_first_the_route_gets_an_exception(
    escape: BaseException,
) -> None:
    told = Told(_saying(then=escape))

    with pytest.raises(Exception, match=type(escape).__name__):
        await told.turn.opened
    await told.over()

    assert (told.outcome.status, told.turn.error) == (500, DEFECT)


async def test_the_deadline_ends_the_turn_with_what_it_says_of_itself() -> None:
    deadline = asyncio.get_running_loop().time() + 0.02

    told = await Told(_waiting(*BEGIN, TextDelta("Hi")), deadline=deadline).over()

    assert told.wire.index(b'0:"Hi"') < told.wire.index(f'3:"{TIME_LIMIT.message}"'.encode())
    assert told.wire.splitlines()[-1].startswith(b'd:{"finishReason":"error"')
    assert told.turn.error == TIME_LIMIT


async def test_a_deadline_that_has_passed_lets_nothing_begin() -> None:
    told = await Told(_waiting(*BEGIN), deadline=0).over()

    assert TIME_LIMIT.message.encode() in told.wire
    assert told.turn.error == TIME_LIMIT


async def test_a_turn_that_ends_before_its_deadline_leaves_no_timer() -> None:
    loop = asyncio.get_running_loop()
    told = await Told(_saying(*BEGIN, *END), deadline=loop.time() + 0.01).over()

    await asyncio.sleep(0.03)

    assert told.turn.error is None


async def test_a_turn_may_be_stopped_before_it_has_begun() -> None:
    told = Told(_waiting(*BEGIN))

    told.turn.stop(SHUTDOWN)
    await told.over()

    assert told.turn.error == SHUTDOWN


async def test_a_stop_answers_the_calls_that_are_owed_one() -> None:
    told = Told(_waiting(*BEGIN, ToolInputStart("call_1", "weather")))
    await told.turn.opened

    told.turn.stop(SHUTDOWN)
    await told.over()

    assert b'a:{"toolCallId":"call_1"' in told.wire
    assert SHUTDOWN.message.encode() in told.wire


async def test_a_stop_behind_the_finish_changes_nothing() -> None:
    told = Told(_waiting(*BEGIN, *END))
    await told.turn.opened

    told.turn.stop(SHUTDOWN)
    await told.over()

    assert told.turn.error is None
    assert told.outcome.finish_reason == "stop"
    assert b"3:" not in told.wire


async def test_a_turn_may_be_stopped_again_and_again_and_while_it_ends() -> None:
    # Nobody takes the frames, so the turn waits in the middle of its end.
    told = Told(_waiting(*BEGIN, TextDelta("x" * 300_000)))
    await told.turn.opened
    told.turn.stop(TIME_LIMIT)
    told.turn.stop(TIME_LIMIT)
    await asyncio.sleep(0.01)

    told.turn.stop(SHUTDOWN)
    await told.over()
    told.turn.stop(SHUTDOWN)

    assert told.turn.error == TIME_LIMIT
    assert told.wire.count(b"\n3:") == 1


async def test_leaving_cancels_what_runs_and_waits_for_it() -> None:
    cleaned_up = False

    async def run(emit: Emit) -> None:
        nonlocal cleaned_up
        try:
            await _waiting(*BEGIN)(emit)
        finally:
            await asyncio.sleep(0.01)
            cleaned_up = True

    told = Told(run)
    await told.turn.opened

    await asyncio.gather(told.turn.leave(), told.turn.leave())
    await told.turn.leave()

    assert cleaned_up
    assert told.outcome.client_left is True
    assert told.turn.error is None
    assert told.ends == 1
    told.outbox.close()


async def test_leaving_before_the_turn_has_begun_ends_it_too() -> None:
    told = Told(_waiting(*BEGIN))

    await told.turn.leave()

    assert told.ends == 1
    assert told.turn.opened.cancelled()


async def test_leaving_while_the_turn_ends_cuts_it_off() -> None:
    told = Told(_waiting(*BEGIN))
    await told.turn.opened
    is_ending = asyncio.Event()

    async def write(data: bytes) -> None:
        if TIME_LIMIT.message.encode() in data:
            is_ending.set()
            await asyncio.Event().wait()  # the client does not take the end

    await told.outbox.connect(write)
    told.turn.stop(TIME_LIMIT)
    await is_ending.wait()

    await told.turn.leave()

    assert told.turn.task.cancelled()
    assert told.ends == 1


async def test_a_turn_whose_response_never_begins_ends_at_its_deadline_all_the_same() -> None:
    deadline = asyncio.get_running_loop().time() + 0.02
    told = Told(_waiting(*BEGIN, TextDelta("x" * 300_000)), deadline=deadline)

    await asyncio.wait([told.turn.task])

    assert told.outcome.error == TIME_LIMIT
    assert told.ends == 1


async def test_leaving_a_turn_that_is_over_says_nothing_of_the_client() -> None:
    told = await Told(_saying(*BEGIN, *END)).over()

    await told.turn.leave()

    assert told.outcome.client_left is False


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (ProviderError("x"), 502),
        (ProviderTimeout("x"), 504),
        (ProviderRateLimited("x"), 429),
        (ValueError("x"), 500),
    ],
)
async def test_an_answer_in_one_piece_that_fails_half_way_has_its_status_still_to_come(
    failure: Exception, status: int
) -> None:
    told = await Told(_saying(*BEGIN, then=failure), is_whole=True).over()

    assert told.outcome.status == status
    assert told.turn.error is not None


@pytest.mark.parametrize(("error", "status"), [(TIME_LIMIT, 504), (SHUTDOWN, 503)])
async def test_an_answer_in_one_piece_that_is_stopped_has_its_status_too(
    error: Error, status: int
) -> None:
    told = Told(_waiting(*BEGIN), is_whole=True)
    await told.turn.opened

    told.turn.stop(error)
    await told.over()

    assert told.outcome.status == status
