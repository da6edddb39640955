"""Which call an event is about: whatever a server leaves out, no call gets another's arguments."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import ToolInputAvailable, ToolInputError
from app.providers.openai.responses_calls import OpenCall, OpenCalls
from app.providers.openai.responses_chunks import FunctionCall
from app.providers.openai.responses_decoder import ResponsesDecoder


def opened(*calls: OpenCall) -> OpenCalls:
    open_calls = OpenCalls()
    for call in calls:
        open_calls.add(call)
    return open_calls


def test_ids_come_before_the_index() -> None:
    a = OpenCall("a", index=0, upstream_ids=("fc_a", "call_a"))
    b = OpenCall("b", index=1, upstream_ids=("fc_b", None))

    for index in (None, 0, 1, 7):
        assert opened(a, b).find(index, ("fc_b",)) is b
        assert opened(a, b).find(index, ("other", "call_a")) is a


def test_the_index_comes_before_nothing() -> None:
    a, b = OpenCall("a", index=0), OpenCall("b", index=1)

    assert opened(a, b).find(1, ()) is b
    assert opened(a, b).find(1, ("made-anew",)) is b
    assert opened(a, b).find(2, ()) is None
    assert opened(a, b).find(None, ()) is None


def test_calls_with_one_id_are_told_apart_by_the_index() -> None:
    a = OpenCall("a", index=0, upstream_ids=("same",))
    b = OpenCall("b", index=1, upstream_ids=("same",))

    assert opened(a, b).find(1, ("same",)) is b
    assert opened(a, b).find(None, ("same",)) is None


def test_the_only_call_left_needs_no_name_but_keeps_its_own() -> None:
    anonymous, named = OpenCall("a"), OpenCall("b", upstream_ids=("fc_b",))

    assert opened(anonymous).find(None, ()) is anonymous
    assert opened(anonymous).find(3, ("fc_a",)) is anonymous
    assert opened(named).find(None, ()) is named
    assert opened(named).find(None, ("fc_a",)) is None


def test_calls_of_ours_and_of_the_provider_are_not_mixed_up() -> None:
    ours, theirs = OpenCall("a", "f"), OpenCall("b", "f", is_builtin=True)
    calls = opened(ours, theirs)

    assert calls.find(None, ()) is ours
    assert calls.find(None, (), is_builtin=True) is theirs
    assert calls.of_name("f") == [ours]
    calls.remove(ours)
    assert calls.take_all() == [theirs]
    assert calls.take_all() == []


@pytest.mark.parametrize(
    ("head", "pieces", "stated", "is_certain"),
    [
        ("", (), "{}", True),
        ("", ('{"x":', "1}"), '{"x":1}', True),
        ("", ('{"x":', "1}"), '{ "x": 1 }', True),
        ('{"x":1}', ('{"x":1}',), '{"x":1}', True),
        ("{}", ('{"x":1}',), '{"x":1}', True),
        ('{"x":', ("1}",), '{"x":1}', True),
        ("", ('{"x":1}',), None, True),
        ("", ('{"x":1}',), '{"x":2}', False),
        ("", ('{"x":1}',), '{"x":1.0}', False),
        ("", ('{"x":1}',), '{"x":true}', False),
        ("", ('{"x":',), '{"x":1}', False),
        ("", ("[" * 100_000,), '{"x":1}', False),
    ],
)
def test_arguments_are_certain_if_all_that_tell_them_agree(
    head: str, pieces: tuple[str, ...], stated: str | None, is_certain: bool
) -> None:
    call = OpenCall("a", "f")
    call.head = head
    call.pieces += pieces

    assert call.is_certain(FunctionCall(arguments=stated)) == is_certain
    assert not call.is_certain(FunctionCall(name="g", arguments=stated))


def test_an_end_without_ids_is_that_of_the_call_with_its_arguments() -> None:
    a, b, c = OpenCall("a", "f"), OpenCall("b", "f"), OpenCall("c", "f")
    a.pieces.append('{"x":1}')
    b.pieces.append('{"x":2}')

    calls = opened(a, b, c)

    assert calls.find_done(None, FunctionCall(name="f", arguments='{"x":2}')) is b
    assert calls.find_done(None, FunctionCall(name="f", arguments='{"x":3}')) is c
    assert calls.find_done(None, FunctionCall(name="g", arguments="{}")) is None
    calls.remove(c)
    assert calls.find_done(None, FunctionCall(name="f", arguments='{"x":3}')) is None


def test_an_end_with_a_foreign_id_is_not_believed_to_be_of_the_call_with_its_number() -> None:
    call = OpenCall("a", "f", index=0, upstream_ids=("fc_a",))
    own = FunctionCall(id="fc_a", name="g")
    foreign = FunctionCall(id="fc_b", name="g")

    assert opened(call).find_done(0, own) is call
    assert opened(call).find_done(0, foreign) is None


@dataclass(frozen=True)
class Server:
    """What a server tells of its items, and in which order."""

    index: str  # "right", "none", "zero" for all items
    ids: str  # "right", "none", "anew" for each event, "done-anew", "same" for all items
    has_call_ids: bool
    states_arguments: bool  # in the item that is done
    tells_twice: bool

    @property
    def tells_arguments_clearly(self) -> bool:
        """Whether each event tells its item."""
        return self.ids == "right" or (self.index == "right" and self.ids in ("none", "same"))


servers = st.builds(
    Server,
    index=st.sampled_from(["right", "none", "zero"]),
    ids=st.sampled_from(["right", "none", "anew", "done-anew", "same"]),
    has_call_ids=st.booleans(),
    states_arguments=st.booleans(),
    tells_twice=st.booleans(),
)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Server, list[tuple[str, Any]], bytes]:
    """Some calls, and the events of a server that makes them in any order."""
    server = draw(servers)
    if server.index == server.ids == "none" and not server.has_call_ids:
        # Without any mark a call that is told twice is the same as two equal calls.
        server = replace(server, tells_twice=False)
    names = st.sampled_from(["f", "g", "h"])
    values = st.dictionaries(st.sampled_from("xy"), st.integers(0, 2))
    calls = draw(st.lists(st.tuples(names, values), min_size=1, max_size=4))
    number = count()

    def told(position: int, *, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the fields of an event and of its item that tell the item."""
        ids = server.ids
        fresh = ids == "anew" or (ids == "done-anew" and kind == "done")
        item_id = f"fc_{next(number) + 100}" if fresh else f"fc_{position}"
        item: dict[str, Any] = {} if ids == "none" else {"id": item_id}
        if ids == "same":
            item["id"] = "fc"
        if server.has_call_ids:
            item["call_id"] = f"call_{position}"
        place = {"right": {"output_index": position}, "none": {}, "zero": {"output_index": 0}}
        return place[server.index], item

    queues: list[list[dict[str, Any]]] = []
    for position, (name, value) in enumerate(calls):
        text = json.dumps(value)
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=2)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        place, item = told(position, kind="added")
        call = {"type": "function_call", "name": name}
        added = {**call, **item, "arguments": ""}
        queue = [{"type": "response.output_item.added", **place, "item": added}]
        for piece in pieces:
            place, item = told(position, kind="delta")
            whose = {"item_id": item["id"]} if "id" in item else {}
            delta = {"type": "response.function_call_arguments.delta", **place, **whose}
            queue.append({**delta, "delta": piece})
        place, item = told(position, kind="done")
        stated = {"arguments": text} if server.states_arguments else {}
        done = {"type": "response.output_item.done", **place, "item": {**call, **item, **stated}}
        queue += [done] * (1 + server.tells_twice)
        queues.append(queue)

    events: list[dict[str, Any]] = []
    while queues:
        queue = draw(st.sampled_from(queues))
        events.append(queue.pop(0))
        queues = [queue for queue in queues if queue]
    events.append({"type": "response.completed", "response": {"usage": None}})
    stream = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return server, calls, stream.encode()


@settings(max_examples=400, deadline=None)
@given(turns())
def test_any_interleaving_gives_each_call_its_own_arguments_or_an_error(
    turn: tuple[Server, list[tuple[str, Any]], bytes],
) -> None:
    server, calls, stream = turn
    decoder = ResponsesDecoder()

    events = [*decoder.feed(stream), *decoder.end()]

    run = [(e.tool_name, e.input) for e in events if isinstance(e, ToolInputAvailable)]
    refused = [e.tool_name for e in events if isinstance(e, ToolInputError)]
    asked = Counter((name, json.dumps(value)) for name, value in calls)
    ran = Counter((name, json.dumps(value)) for name, value in run)
    assert ran <= asked, "a call was run that nobody asked for"
    assert len(run) + len(refused) == len(calls)
    if server.tells_arguments_clearly:
        assert ran == asked
