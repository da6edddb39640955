"""What holds for every encoder and every turn that the grammar allows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from hypothesis import example, given
from hypothesis import strategies as st

from app.events import (
    Abort,
    Data,
    Error,
    Event,
    Executor,
    File,
    Finish,
    FinishReason,
    Metadata,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    Status,
    StepEnd,
    StepStart,
    Terminal,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    Usage,
)
from app.grammar import Order, OrderError, State
from app.protocols.data_stream import DataStreamEncoder
from app.protocols.framing import Framer
from app.protocols.text_stream import TextStreamEncoder
from app.protocols.tool_stream import ToolStreamEncoder
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from tests.sample_turns import any_text

call_ids = st.sampled_from(["c1", "c2"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=5,
)
usages = st.builds(Usage, *(st.none() | st.integers(0, 10**6) for _ in range(4)))
reasons = st.sampled_from(get_args(FinishReason))
executors = st.sampled_from(get_args(Executor))
# What chance seldom makes: a surrogate pair in two pieces, and what Python takes for a line end.
HARD_TEXT: Sequence[Event] = (
    Start("m"),
    StepStart(),
    *(TextDelta(piece) for piece in ("a\ud83d", "\ude00b", "\x85\u2028\u2029", "\ude00", "\ud83d")),
    StepEnd("stop"),
    Finish("stop"),
)
# The fields of every event.
FIELDS: Mapping[type, Sequence[st.SearchStrategy[Any]]] = {
    Start: (any_text,),
    StepStart: (),
    TextDelta: (any_text,),
    ReasoningDelta: (any_text,),
    ReasoningSignature: (any_text,),
    ReasoningRedacted: (any_text,),
    ToolInputStart: (call_ids, any_text),
    ToolInputDelta: (call_ids, any_text),
    ToolInputAvailable: (call_ids, any_text, json_values, executors),
    ToolInputError: (call_ids, any_text, json_values, any_text),
    ToolApprovalRequest: (any_text, call_ids),
    ToolOutputAvailable: (call_ids, json_values, st.booleans()),
    ToolOutputError: (call_ids, any_text),
    ToolOutputDenied: (call_ids,),
    Status: (any_text, st.none() | call_ids),
    Source: (any_text, *(st.none() | any_text for _ in range(4))),
    File: (any_text, any_text),
    Data: (any_text, json_values, st.none() | any_text, st.booleans()),
    Metadata: (st.dictionaries(any_text, json_values, max_size=2),),
    StepEnd: (reasons, usages),
    Finish: (reasons, usages),
    Abort: (st.none() | any_text,),
    Error: (any_text, any_text),
}
TERMINALS = get_args(Terminal)
events = st.one_of(
    *(st.builds(event, *fields) for event, fields in FIELDS.items() if event not in TERMINALS)
)
terminals = st.one_of(*(st.builds(event, *FIELDS[event]) for event in TERMINALS))


@st.composite
def turns(draw: st.DrawFn) -> Sequence[Event]:
    """Return any turn that the grammar allows, ended by whatever may end it."""
    order, turn = Order(), []
    wanted = [Start("m"), StepStart(), *draw(st.lists(events, max_size=30)), draw(terminals)]
    for event in wanted:
        try:
            order.check(event)
        except OrderError:
            continue
        turn.append(event)
    if order.state is not State.DONE:
        turn.append(Error("x", "The end."))  # the framer settles the calls that are still owed
    return turn


def frame(encoder: Any, turn: Sequence[Event]) -> bytes:
    framer = Framer(encoder)
    wire = b"".join(framer.frame([event]) for event in turn)
    assert framer.state is State.DONE
    return wire


def no_null_fields(chunk: dict[str, Any]) -> bool:
    return all(value is not None for key, value in chunk.items() if key not in JSON_FIELDS)


# Values of the application, where null is a value like any other.
JSON_FIELDS = {"input", "output", "data", "messageMetadata"}


def test_the_turns_hold_every_event() -> None:
    assert set(FIELDS) == set(get_args(Event))


@given(turns(), st.sampled_from([None, "5.0", "5", "6", "7"]))
def test_any_turn_ends_cleanly_in_the_ui_message_stream(turn: Sequence[Event], sdk: Any) -> None:
    wire = frame(UIMessageStreamEncoder(sdk), turn).decode()

    assert wire.endswith("data: [DONE]\n\n")
    assert wire.count("data: [DONE]") == 1
    parts = wire.removesuffix("\n\n").split("\n\n")[:-1]
    chunks = [json.loads(part.removeprefix("data: ")) for part in parts]
    open_blocks: set[tuple[str, str]] = set()
    open_steps = 0
    for chunk in chunks:
        kind, _, what = chunk["type"].partition("-")
        assert no_null_fields(chunk)
        if what == "step":
            open_steps += 1 if kind == "start" else -1
        elif kind in ("text", "reasoning"):
            block = (kind, chunk["id"])
            if what == "start":
                assert not open_blocks
                open_blocks.add(block)
            elif what == "end":
                open_blocks.remove(block)
            else:
                assert block in open_blocks
    assert not open_blocks
    assert open_steps == (1 if isinstance(turn[-1], Abort) and open_steps else 0)


@given(turns(), st.sampled_from(["3.4", "4"]))
def test_any_turn_ends_cleanly_in_the_data_stream(turn: Sequence[Event], sdk: Any) -> None:
    wire = frame(DataStreamEncoder(sdk), turn).decode()

    lines = [line.partition(":") for line in wire.split("\n")[:-1]]
    parts = [(code, json.loads(value)) for code, _, value in lines]
    codes = [code for code, _ in parts]
    known = set("0123456789abcde") if sdk == "3.4" else set("0289abcdefghijk3")
    assert set(codes) <= known
    announced = {value["toolCallId"] for code, value in parts if code in "9b"}
    assert {value["toolCallId"] for code, value in parts if code in "ac"} <= announced
    assert all(isinstance(value["args"], dict) for code, value in parts if code == "9")
    if "d" in codes:
        assert codes.index("d") == len(codes) - 1
    if "3" in codes:
        assert set(codes[codes.index("3") + 1 :]) <= {"e", "d"}


@given(turns())
@example(HARD_TEXT)
def test_any_turn_ends_cleanly_in_ndjson(turn: Sequence[Event]) -> None:
    wire = frame(ToolStreamEncoder(now=lambda: 1767225600.0), turn).decode()

    assert wire.endswith("\n")
    lines = wire.splitlines()  # of Python, which knows more line ends than JSON does
    kinds = [json.loads(line)["type"] for line in lines]
    assert set(kinds[:-1]) <= {"delta", "status"}
    assert kinds[-1] == ("result" if isinstance(turn[-1], Finish) else "error")


@given(turns())
@example(HARD_TEXT)
def test_any_turn_is_its_text_in_the_text_stream(turn: Sequence[Event]) -> None:
    wire = frame(TextStreamEncoder(), turn)

    # Between two texts of an answer the halves of a pair do not meet.
    texts = "".join(e.text if isinstance(e, TextDelta) else "\0" for e in turn)
    whole = texts.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert wire.decode().replace("\0", "") == whole.replace("\0", "")
