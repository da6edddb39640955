"""The order of a turn, rule by rule."""

from collections.abc import Sequence

import pytest

from app.events import (
    Abort,
    Error,
    Event,
    Executor,
    Finish,
    Start,
    Status,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)
from app.grammar import Order, OrderError, State

IN_STEP: list[Event] = [Start("m"), StepStart()]
CALL = ToolInputAvailable("c", "t", {})


def order_after(*events: Event) -> Order:
    """Return the order of a turn that has had ``events``."""
    order = Order()
    for event in events:
        order.check(event)
    return order


@pytest.mark.parametrize(
    "events",
    [
        [Error("x", "No.")],
        [Abort()],
        [Start("m"), Finish("stop")],
        [*IN_STEP, TextDelta("a"), StepEnd("stop"), Finish("stop")],
        [*IN_STEP, StepEnd("tool-calls"), StepStart(), StepEnd("stop"), Finish("stop")],
        [*IN_STEP, CALL, ToolOutputAvailable("c", 1), StepEnd("stop"), Finish("stop")],
        [*IN_STEP, CALL, Status("s", "c"), ToolOutputError("c", "No."), Abort()],
        [*IN_STEP, CALL, ToolApprovalRequest("p", "c"), StepEnd("tool-calls"), Finish("stop")],
        [*IN_STEP, ToolInputStart("c", "t"), ToolInputDelta("c", "{"), CALL],
        [*IN_STEP, ToolInputStart("c", "t"), ToolInputError("c", "t", "{", "No.")],
        [*IN_STEP, CALL, ToolOutputAvailable("c", 1, True), ToolOutputAvailable("c", 2)],
        # the log of two requests: the second has the denial
        [*IN_STEP, CALL, ToolApprovalRequest("p", "c"), StepEnd("stop"), ToolOutputDenied("c")],
    ],
)
def test_a_turn_in_order_is_accepted(events: Sequence[Event]) -> None:
    order_after(*events)


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        ([], TextDelta("a")),
        ([], Finish("stop")),
        ([Start("m")], Start("m")),
        ([Start("m")], TextDelta("a")),
        ([Start("m")], StepEnd("stop")),
        ([*IN_STEP], Finish("stop")),
        ([*IN_STEP], StepStart()),
        ([*IN_STEP], ToolInputDelta("c", "{}")),
        ([*IN_STEP], ToolOutputAvailable("c", 1)),
        ([*IN_STEP], ToolApprovalRequest("p", "c")),
        ([*IN_STEP], Status("s", "c")),
        ([*IN_STEP, CALL], CALL),
        ([*IN_STEP, CALL], ToolInputDelta("c", "{}")),
        ([*IN_STEP, CALL], StepEnd("tool-calls")),
        ([*IN_STEP, CALL], Abort()),
        ([*IN_STEP, ToolInputStart("c", "t")], Error("x", "No.")),
        ([*IN_STEP, ToolInputStart("c", "t")], Status("s", "c")),
        ([*IN_STEP, CALL, ToolOutputDenied("c")], ToolOutputAvailable("c", 1)),
        ([*IN_STEP, CALL, ToolApprovalRequest("p", "c")], ToolOutputAvailable("c", 1)),
        ([Error("x", "No.")], Start("m")),
        ([Start("m"), Finish("stop")], Finish("stop")),
    ],
)
def test_an_event_out_of_order_is_refused_and_changes_nothing(
    before: Sequence[Event], wrong: Event
) -> None:
    order = order_after(*before)
    state, owed = order.state, order.owed()

    with pytest.raises(OrderError):
        order.check(wrong)

    assert (order.state, order.owed()) == (state, owed)


@pytest.mark.parametrize(("executor", "owed"), [("server", ["c"]), ("provider", ["c"])])
def test_a_call_that_this_turn_has_to_settle_is_owed(executor: Executor, owed: list[str]) -> None:
    order = order_after(*IN_STEP, ToolInputAvailable("c", "t", {}, executor))

    assert order.owed() == owed


def test_a_call_of_the_client_or_one_that_waits_for_approval_is_not_owed() -> None:
    by_client = ToolInputAvailable("d", "t", {}, "client")

    order = order_after(*IN_STEP, CALL, ToolApprovalRequest("p", "c"), by_client)

    assert order.owed() == []
    order.check(StepEnd("tool-calls"))


def test_closing_settles_every_owed_call_so_that_the_turn_may_end() -> None:
    by_client = ToolInputAvailable("e", "v", {}, "client")
    order = order_after(*IN_STEP, CALL, ToolInputStart("d", "u"), by_client)

    closing = list(order.closing("Stopped."))
    for event in closing:
        order.check(event)
    order.check(Error("x", "Stopped."))

    assert closing == [
        ToolOutputError("c", "Stopped."),
        ToolInputError("d", "u", {}, "Stopped."),
    ]
    assert order.state is State.DONE


def test_a_call_of_the_history_may_be_settled_before_the_first_step() -> None:
    order = Order({"c": "t"})
    order.check(Start("m"))

    order.check(ToolOutputAvailable("c", 1))
    order.check(StepStart())

    assert order.owed() == []


def test_a_call_of_the_history_that_this_turn_left_out_may_not_be_forgotten() -> None:
    order = Order({"c": "t"})
    order.check(Start("m"))

    with pytest.raises(OrderError, match="c is owed an answer"):
        order.check(Finish("stop"))


@pytest.mark.parametrize("executor", ["server", "provider"])
def test_each_event_of_a_call_tells_who_runs_it(executor: Executor) -> None:
    order = order_after(*IN_STEP)

    told = [
        order.check(event)
        for event in (
            ToolInputStart("c", "t", executor),
            ToolInputDelta("c", "{}"),
            ToolInputAvailable("c", "t", {}, executor),
            ToolOutputAvailable("c", 1, preliminary=True),
            ToolOutputError("c", "No."),
            ToolInputStart("d", "t", executor),
            ToolInputError("d", "t", {}, "No."),
        )
    ]

    assert told == [executor] * 7


def test_the_whole_call_says_who_runs_it_not_its_start() -> None:
    order = order_after(*IN_STEP)

    assert order.check(ToolInputStart("c", "t")) == "server"
    assert order.check(ToolInputAvailable("c", "t", {}, "client")) == "client"


def test_a_call_whose_first_event_is_its_failure_is_the_servers() -> None:
    assert order_after(*IN_STEP).check(ToolInputError("c", "t", {}, "No.")) == "server"


@pytest.mark.parametrize(
    "event", [TextDelta("a"), Status("s"), Status("s", "c"), Error("x", "No.")]
)
def test_an_event_of_no_call_tells_nothing(event: Event) -> None:
    order = order_after(*IN_STEP, CALL)
    if isinstance(event, Error):
        order.check(ToolOutputAvailable("c", 1))

    assert order.check(event) is None
