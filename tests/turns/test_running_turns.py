"""Who runs, who is told at the end, and what happens when the server ends."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.events import Emit, Event, Finish, Start, StepEnd, StepStart, TextDelta, Usage
from app.protocols.data_stream import DataStreamEncoder
from app.protocols.framing import Framer
from app.scripted_model.control import Control
from app.turns.errors import SHUTDOWN, TooManyTurns
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.outcome import TurnLabels, TurnOutcome
from app.turns.places import Places
from app.turns.progress import TurnProgress
from app.turns.running_turns import RunningTurns
from app.turns.transcript import Transcript
from tests.chatting import LogLines, Reader, chatting, data_body, logged, ui_body
from tests.providers.upstream import Connection, serve

Told = tuple[str | None, dict[str, Any], Usage]


class Ends:
    """An application's ``on_finish`` that a test can wait for."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Told] = asyncio.Queue()

    def __call__(self, chat_id: str | None, message: dict[str, Any], usage: Usage) -> None:
        self.told.put_nowait((chat_id, message, usage))


# ---- on_finish, through the whole app ---------------------------------------------------------


async def test_the_application_is_told_what_was_said(model: str) -> None:
    ends = Ends()
    async with chatting(model, on_finish=ends) as chat:
        await chat.post(ui_body("scenario: say text='Hi there.'"))

        chat_id, message, usage = await ends.told.get()

    assert chat_id == "chat-1"
    assert message["id"].startswith("msg-")
    assert message["role"] == "assistant"
    assert message["parts"][-1] == {"type": "text", "text": "Hi there.", "state": "done"}
    assert message["metadata"]["model"] == "gpt-4o-mini"
    assert usage.output_tokens == 3
    assert ends.told.empty()


async def test_the_application_is_told_the_whole_message_also_of_a_continuation(model: str) -> None:
    ends = Ends()
    done = {"type": "tool-get_location", "toolCallId": "c1", "state": "output-available"}
    earlier = [{"type": "step-start"}, {**done, "input": {}, "output": {"latitude": 60.39}}]
    answer = {"id": "msg-1", "role": "assistant", "parts": earlier, "metadata": {"mine": 1}}
    body = ui_body("Where am I?")
    body["messages"].append(answer)

    async with chatting(model, on_finish=ends) as chat:
        response = await chat.post(body)
        _, message, _ = await ends.told.get()

    assert '"messageId":"msg-1"' in response.text
    assert message["id"] == "msg-1"
    assert message["parts"][:2] == earlier
    assert [part["type"] for part in message["parts"][2:]] == ["step-start", "text"]
    assert message["metadata"]["mine"] == 1


@pytest.mark.parametrize("is_stream", [True, False])
async def test_the_application_is_told_what_was_said_before_the_answer_got_too_long(
    is_stream: bool,
) -> None:
    ends = Ends()
    hung_up = asyncio.Event()

    async def play(connection: Connection) -> None:
        await connection.start()
        choice = {"index": 0, "delta": {"content": "0123456789"}}
        for _ in range(4):
            await connection.chunk(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
        await connection.closed_by_client()
        hung_up.set()

    async with (
        asyncio.timeout(15),
        serve(play) as upstream,
        chatting(upstream.url, on_finish=ends, max_answer_bytes=35) as chat,
    ):
        response = await chat.post(ui_body("Hi", stream=is_stream))
        _, message, _ = await ends.told.get()
        await hung_up.wait()

    assert response.status_code == (200 if is_stream else 502)
    assert "The answer was cut off: it is longer than this server allows." in response.text
    said = [part["text"] for part in message["parts"] if part["type"] == "text"]
    assert said == ["01234567890123456789012345678901234"]
    assert "0123456789" in response.text


async def test_an_application_may_take_its_time_to_be_told(model: str) -> None:
    stored = asyncio.Event()
    started = asyncio.Event()

    async def store(chat_id: str | None, message: dict[str, Any], usage: Usage) -> None:
        started.set()
        await asyncio.sleep(0.05)
        stored.set()

    async with chatting(model, on_finish=store) as chat:
        response = await chat.post(data_body("scenario: say text=Hi"))
        await started.wait()

        assert response.text.splitlines()[-1].startswith("d:")
        assert not stored.is_set()
    # The server's end has waited for it.
    assert stored.is_set()


@pytest.mark.parametrize(
    ("scenario", "said"),
    [("error status=401", None), ("error-inside after=2", "word0 word1")],
)
async def test_the_application_is_told_of_a_turn_that_failed(
    model: str, scenario: str, said: str | None
) -> None:
    ends = Ends()
    async with chatting(model, on_finish=ends) as chat:
        await chat.post(data_body(f"scenario: {scenario}"))

        _, message, _ = await ends.told.get()

    assert message["id"].startswith("msg-")
    assert (message["parts"][-1]["text"] if message["parts"] else None) == said


async def test_the_application_is_told_of_a_client_that_left(model: str, control: Control) -> None:
    ends = Ends()
    async with chatting(model, on_finish=ends) as chat:
        async with chat.stream(data_body("scenario: stall after=2 gate=never")) as response:
            await Reader(response).until(b"word1")

        _, message, usage = await ends.told.get()

    assert message["parts"][-1]["text"] == "word0 word1"
    assert usage == Usage()


async def test_the_application_is_told_of_an_answer_in_one_piece(model: str) -> None:
    ends = Ends()
    async with chatting(model, on_finish=ends) as chat:
        await chat.post(data_body("scenario: say text=Hi", stream=False))

        _, message, _ = await ends.told.get()

    assert message["parts"][-1]["text"] == "Hi"


async def _fail_later(*_: object) -> None:
    await asyncio.sleep(0)
    raise ValueError("the database is away")


def _fail(*_: object) -> None:
    raise ValueError("the database is away")


@pytest.mark.parametrize("on_finish", [_fail, _fail_later])
async def test_an_application_that_fails_to_store_an_answer_does_not_spoil_it(
    model: str, on_finish: Callable[..., Awaitable[None] | None]
) -> None:
    with logged() as log:
        async with chatting(model, on_finish=on_finish) as chat:
            response = await chat.post(data_body("scenario: say text=Hi"))
            await log.until(lambda: "on_finish failed" in _messages(log))
            again = await chat.post(data_body("scenario: say text=Hi"))

    assert response.text.splitlines()[-1].startswith("d:")
    assert again.status_code == 200


def _messages(log: LogLines) -> list[str]:
    return [record.getMessage() for record in log.records]


# ---- on_turn, through the whole app -----------------------------------------------------------


async def test_the_application_is_told_how_each_turn_ended(model: str, control: Control) -> None:
    told: asyncio.Queue[tuple[TurnLabels, TurnOutcome]] = asyncio.Queue()

    async def on_turn(labels: TurnLabels, outcome: TurnOutcome) -> None:
        told.put_nowait((labels, outcome))

    async with chatting(model, on_turn=on_turn) as chat:
        await chat.post(ui_body("scenario: say text='Hi there.'"))
        labels, well = await told.get()
        async with chat.stream(ui_body("scenario: stall after=2 gate=never")) as response:
            await Reader(response).until(b"word1")
        _, left = await told.get()
        await chat.post(ui_body("scenario: error status=401", stream=False))
        _, failed = await told.get()

    assert (labels.chat_id, labels.protocol, labels.model) == ("chat-1", "ui", "gpt-4o-mini")
    assert (well.status, well.finish_reason, well.steps) == (200, "stop", 1)
    assert not well.client_left
    assert well.usage.output_tokens == 3
    assert (left.finish_reason, left.client_left) == (None, True)
    assert failed.error is not None
    assert (failed.status, failed.finish_reason) == (502, "error")
    assert told.empty()
    with pytest.raises(AttributeError):
        well.status = 500  # type: ignore[misc]


@pytest.mark.parametrize("on_turn", [_fail, _fail_later])
async def test_an_application_that_fails_to_take_an_outcome_does_not_spoil_the_answer(
    model: str, on_turn: Callable[..., Awaitable[None] | None]
) -> None:
    with logged() as log:
        async with chatting(model, on_turn=on_turn) as chat:
            response = await chat.post(data_body("scenario: say text=Hi"))
            await log.until(lambda: "on_turn failed" in _messages(log))
            again = await chat.post(data_body("scenario: say text=Hi"))

    assert response.text.splitlines()[-1].startswith("d:")
    assert again.status_code == 200


# ---- the registry -----------------------------------------------------------------------------


def _start(turns: RunningTurns, *events: Event, is_kept: bool = False) -> LiveTurn:
    """Start a turn that says ``events`` and then waits for ever, or ends if they do."""

    async def run(emit: Emit) -> None:
        if events:
            await emit(events)
        if not events or not isinstance(events[-1], Finish):
            await asyncio.Event().wait()

    turn = LiveTurn(
        run,
        labels=TurnLabels(request_id="r1"),
        message_id="msg-1",
        framer=Framer(DataStreamEncoder()),
        outbox=Outbox(keep_alive_s=60, keep_alive=lambda: b""),
        progress=TurnProgress(model="m", started=0),
        transcript=Transcript("msg-1") if is_kept else None,
    )
    turns.start(turn)
    return turn


DONE: tuple[Event, ...] = (Start("msg-1"), StepStart(), StepEnd("stop"), Finish("stop"))


async def test_a_turn_counts_as_long_as_it_runs() -> None:
    turns = RunningTurns()
    turn = _start(turns, *DONE)

    while_it_runs = len(turns)
    await asyncio.wait([turn.task])

    assert (while_it_runs, len(turns)) == (1, 0)


async def test_transcripts_are_kept_only_for_an_application_that_wants_them() -> None:
    assert RunningTurns().keeps_transcripts is False
    assert RunningTurns(Ends()).keeps_transcripts is True


async def test_every_turn_hears_that_the_server_stops_even_one_that_is_already_ending() -> None:
    turns = RunningTurns()
    stuck = _start(turns, Start("msg-1"), StepStart(), TextDelta("x" * 300_000))
    others = [_start(turns, Start("msg-1"), StepStart()) for _ in range(3)]
    await asyncio.gather(stuck.opened, *(turn.opened for turn in others))
    stuck.stop(SHUTDOWN)
    await asyncio.sleep(0.01)

    for _ in range(2):
        turns.stop_all()
    await asyncio.wait([turn.task for turn in others])

    assert [turn.error for turn in (stuck, *others)] == [SHUTDOWN] * 4
    await turns.aclose()


async def test_a_turn_that_comes_when_the_server_stops_ends_at_once() -> None:
    turns = RunningTurns()
    turns.stop_all()
    late = _start(turns, Start("msg-1"), StepStart())

    await late.task

    assert late.error == SHUTDOWN
    await turns.aclose()


async def test_a_tool_that_runs_alone_has_a_place_and_hears_that_the_server_stops() -> None:
    places = Places(1)
    turns = RunningTurns(places=places)

    with turns.running_tool() as stopped:
        with pytest.raises(TooManyTurns):
            turns.check()
        assert not stopped.done()
        for _ in range(2):
            turns.stop_all()
        assert stopped.result() == SHUTDOWN
    with turns.running_tool() as late:
        assert late.result() == SHUTDOWN
    turns.stop_all()

    assert places.taken == 0


async def test_closing_cancels_what_runs_and_waits_for_the_application() -> None:
    ends = Ends()
    turns = RunningTurns(ends)
    turn = _start(turns, Start("msg-1"), StepStart(), is_kept=True)

    await turns.aclose()
    await turns.aclose()

    assert turn.task.cancelled()
    assert len(turns) == 0
    assert ends.told.qsize() == 1


async def test_an_application_that_never_ends_does_not_hold_up_the_server() -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    turns = RunningTurns(hang, last_calls_s=0.01)
    _start(turns, is_kept=True)

    with logged() as log:
        await turns.aclose()

    assert "on_finish did not end in time" in _messages(log)


async def test_every_observer_is_told_how_a_turn_ended() -> None:
    told: list[tuple[TurnLabels, TurnOutcome]] = []
    turns = RunningTurns(observers=[lambda *what: told.append(what)] * 2)
    turn = _start(turns, *DONE)

    await asyncio.wait([turn.task])

    assert told == [(turn.labels, turn.outcome)] * 2
