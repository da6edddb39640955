"""Tool calls put together from their deltas, as different servers send them."""

from collections.abc import Iterable
from itertools import count

import pytest

from app.events import Event, ToolInputAvailable, ToolInputDelta, ToolInputError, ToolInputStart
from app.providers.joining import Joiner
from app.providers.openai.arguments import NOT_AN_OBJECT
from app.providers.openai.call_sizes import MAX_STEP_ARGUMENTS_BYTES, CallsTooLarge
from app.providers.openai.ids import CallIds
from app.providers.openai.tool_calls import ToolCalls

Delta = tuple[int | None, str, str, str]


def calls_of(taken_ids: Iterable[str] = ()) -> ToolCalls:
    numbers = count(1)
    return ToolCalls(CallIds(taken_ids, lambda _: f"new-{next(numbers)}"))


def events_of(calls: ToolCalls, *deltas: Delta) -> list[Event]:
    out = Joiner()
    for index, upstream_id, name, arguments in deltas:
        calls.add(out, index=index, upstream_id=upstream_id, name=name, arguments=arguments)
    return [*out.take(), *calls.close()]


def test_numbered_deltas_go_to_their_calls() -> None:
    events = events_of(
        calls_of(),
        (0, "a", "f", ""),
        (0, "", "", '{"x"'),
        (0, "", "", ":1}"),
        (1, "b", "g", ""),
        (0, "", "", " "),
        (1, "", "", "{}"),
    )

    assert events == [
        ToolInputStart("a", "f"),
        ToolInputDelta("a", '{"x":1}'),
        ToolInputStart("b", "g"),
        ToolInputDelta("a", " "),
        ToolInputDelta("b", "{}"),
        ToolInputAvailable("a", "f", {"x": 1}),
        ToolInputAvailable("b", "g", {}),
    ]


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        pytest.param(
            [(None, "a", "f", "{}"), (None, "b", "f", "{}")],
            [("a", "f", {}), ("b", "f", {})],
            id="whole calls without a number",
        ),
        pytest.param(
            [(None, "a", "f", '{"x":'), (None, "a", "", "1}")],
            [("a", "f", {"x": 1})],
            id="no number, the id with each delta",
        ),
        pytest.param(
            [(0, "a", "f", "{}"), (0, "b", "g", "{}"), (0, "", "", " ")],
            [("a", "f", {}), ("b", "g", {})],
            id="one number for all",
        ),
        pytest.param(
            [(0, "", "f", "{}"), (0, "", "g", "{}")],
            [("new-1", "f", {}), ("new-2", "g", {})],
            id="one number for all and no ids",
        ),
        pytest.param(
            [(None, "", "f", '{"x":1}'), (None, "", "f", '{"x":2}')],
            [("new-1", "f", {"x": 1}), ("new-2", "f", {"x": 2})],
            id="whole calls of one tool with neither number nor id",
        ),
        pytest.param(
            [(None, "", "f", '{"x":'), (None, "", "f", "1}"), (None, "", "f", "")],
            [("new-1", "f", {"x": 1})],
            id="the name with each delta, neither number nor id",
        ),
        pytest.param(
            [(0, "a", "f", ""), (0, "a", "f", '{"x":'), (0, "a", "f", "1}")],
            [("a", "f", {"x": 1})],
            id="id and name with each delta",
        ),
        pytest.param(
            [(0, "a", "f", ""), (0, "other", "", "{}")],
            [("a", "f", {})],
            id="another id with each delta",
        ),
        pytest.param(
            [(None, "", "f", ""), (None, "", "", '{"x":'), (None, "", "", "1}")],
            [("new-1", "f", {"x": 1})],
            id="neither number nor id, in pieces",
        ),
        pytest.param(
            [(None, "", "", ""), (None, "a", "f", "{}")],
            [("a", "f", {})],
            id="an empty delta first",
        ),
        pytest.param(
            [(0, "a", "f", ""), (1, "a", "f", "")],
            [("a", "f", {}), ("new-1", "f", {})],
            id="one id for two calls",
        ),
    ],
)
def test_servers_number_and_name_calls_as_they_like(
    deltas: list[Delta], calls: list[tuple[str, str, object]]
) -> None:
    events = events_of(calls_of(), *deltas)

    assert [
        (event.tool_call_id, event.tool_name, event.input)
        for event in events
        if isinstance(event, ToolInputAvailable)
    ] == calls


def test_an_id_from_the_history_is_not_used_again() -> None:
    events = events_of(calls_of(["call_0", "new-1"]), (0, "call_0", "f", "{}"))

    assert events[0] == ToolInputStart("new-2", "f")


def test_arguments_wait_for_the_name() -> None:
    events = events_of(calls_of(), (0, "a", "", '{"x":'), (0, "", "", "1"), (0, "", "f", "}"))

    assert events == [
        ToolInputStart("a", "f"),
        ToolInputDelta("a", '{"x":1}'),
        ToolInputAvailable("a", "f", {"x": 1}),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        (" \n", {}),
        ('{"a":[1,null]}', {"a": [1, None]}),
        ('{"a":"\\ud800"}', {"a": "\ud800"}),
        ('{"a":"\ud800"}', {"a": "\ud800"}),
    ],
)
def test_arguments_are_parsed(text: str, value: object) -> None:
    events = events_of(calls_of(), (0, "a", "f", text))

    assert events[-1] == ToolInputAvailable("a", "f", value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":', '{"a":'),
        ('{"a":NaN}', '{"a":NaN}'),
        ("[" * 100_000, "[" * 100_000),
        ("[1]", [1]),
        ("null", None),
        ('"text"', "text"),
    ],
)
def test_arguments_that_are_no_object_are_an_error(text: str, value: object) -> None:
    calls = calls_of()

    events = events_of(calls, (0, "a", "f", text))

    assert events[-1] == ToolInputError("a", "f", value, NOT_AN_OBJECT)
    assert not calls.whole


def test_it_knows_whether_its_calls_are_whole_and_named() -> None:
    calls = calls_of()
    assert (bool(calls), calls.whole, calls.named) == (False, False, True)

    events_of(calls, (0, "a", "", "{}"))
    assert (bool(calls), calls.whole, calls.named) == (True, False, False)

    events_of(calls, (0, "", "f", ""))
    assert (bool(calls), calls.whole, calls.named) == (True, True, True)


def test_a_name_that_is_repeated_costs_little_however_long_the_arguments_are() -> None:
    calls, out = calls_of(), Joiner()
    pieces = ['{"a":"', *("}" * 1000 for _ in range(500)), '"}']

    for piece in pieces:
        calls.add(out, index=0, upstream_id="", name="f", arguments=piece)
    calls.add(out, index=0, upstream_id="", name="f", arguments=" ")

    # Beyond the first 64 KiB it is not tried any more whether the call is whole.
    assert calls.close() == [ToolInputAvailable("new-1", "f", {"a": "}" * 500_000})]


def test_names_and_ids_count_as_arguments_do() -> None:
    half = "x" * (MAX_STEP_ARGUMENTS_BYTES // 2)
    calls, out = calls_of(), Joiner()
    calls.add(out, index=0, upstream_id=half, name=half, arguments="")

    with pytest.raises(CallsTooLarge):
        calls.add(out, index=1, upstream_id="c", name="", arguments="")
