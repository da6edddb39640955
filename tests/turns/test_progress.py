"""What a turn is known by while it runs, and what it comes to."""

from app.events import Error, Finish, Start, StepEnd, StepStart, TextDelta, Usage
from app.turns.outcome import TurnOutcome
from app.turns.progress import TurnProgress


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_turn_is_counted_from_its_request_to_its_end() -> None:
    clock = Clock()
    progress = TurnProgress(model="m", started=99.0, clock=clock)

    for event in (Start("msg-1"), StepStart()):
        progress.note(event)
    began_without_a_token = progress.first_token_ms
    clock.now = 100.5
    progress.note(TextDelta("Hi"))
    clock.now = 101.0
    for usage in (Usage(3, 2), Usage(5, 1)):
        progress.add_usage(usage)
    for later in (StepEnd("tool-calls"), StepStart(), StepEnd("stop"), Finish("stop")):
        progress.note(later)

    assert began_without_a_token is None
    assert progress.outcome(status=200, client_left=False) == TurnOutcome(
        status=200,
        finish_reason="stop",
        error=None,
        usage=Usage(8, 3),
        steps=2,
        first_token_ms=1500.0,
        duration_ms=2000.0,
        client_left=False,
    )


def test_each_step_waits_for_its_own_first_token() -> None:
    clock = Clock()
    progress = TurnProgress(model="m", started=99.0, clock=clock)
    awaited: list[bool] = []
    first: list[float | None] = []

    for began, came in ((100.0, 100.25), (101.0, 101.5)):
        clock.now = began
        progress.begin_step()
        progress.note(StepStart())
        awaited.append(progress.awaits_token)
        clock.now = came
        progress.note(TextDelta("Hi"))
        awaited.append(progress.awaits_token)
        first.append(progress.step_first_s)

    assert awaited == [True, False, True, False]
    assert first == [0.25, 0.5]
    assert progress.first_token_ms == 1250.0


def test_an_error_that_was_sent_is_the_outcome() -> None:
    progress = TurnProgress(model="m", started=0, clock=Clock())
    error = Error("provider_error", "It broke.")

    progress.note(error)

    outcome = progress.outcome(status=200, client_left=True)
    assert (outcome.error, outcome.finish_reason, outcome.client_left) == (error, "error", True)
    assert outcome.first_token_ms is not None


def test_an_error_before_anything_was_sent_is_no_token() -> None:
    progress = TurnProgress(model="m", started=0, clock=Clock())
    error = Error("provider_error", "It broke.")

    progress.fail(error)

    assert progress.outcome(status=502, client_left=False).first_token_ms is None
    assert progress.error == error


def test_the_metadata_leaves_out_what_is_not_known() -> None:
    clock = Clock()
    progress = TurnProgress(model="m", started=100.0, clock=clock)
    clock.now = 100.25

    unknown = progress.metadata()
    progress.note(TextDelta("Hi"))
    progress.add_usage(Usage(3, 2))

    assert unknown == {"model": "m", "durationMs": 250.0}
    assert progress.metadata() == {
        "model": "m",
        "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
        "timeToFirstTokenMs": 250.0,
        "durationMs": 250.0,
    }
