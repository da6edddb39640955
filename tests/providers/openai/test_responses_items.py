"""Output items, from their beginning to their end."""

import json

import msgspec
import pytest

from app.events import (
    Event,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
)
from app.providers.joining import Joiner
from app.providers.openai.arguments import NOT_AN_OBJECT, NOT_CERTAIN, NOT_FINISHED
from app.providers.openai.citations import Citations
from app.providers.openai.ids import CallIds
from app.providers.openai.responses_chunks import (
    Annotation,
    CodeInterpreter,
    ContentPart,
    FunctionCall,
    McpCall,
    Message,
    PieceChunk,
    Reasoning,
    WebSearch,
)
from app.providers.openai.responses_items import OutputItems
from app.providers.openai.responses_proof import ReasoningProof, read_proof


class Items:
    """`OutputItems` with the `Joiner` that their events go to."""

    def __init__(self, *taken_ids: str) -> None:
        made = iter(range(100))

        def new_id(prefix: str) -> str:
            return f"{prefix}_{next(made)}"

        self.items = OutputItems(CallIds(taken_ids, new_id), Citations(new_id))
        self.out = Joiner()

    def take(self) -> list[Event]:
        events, self.out = self.out.take(), Joiner()
        return events


def thought(text: str, item: int = 0, *, summary: int | None = None) -> PieceChunk:
    return PieceChunk(output_index=item, summary_index=summary, delta=text)


def piece(text: str, item: int) -> PieceChunk:
    return PieceChunk(output_index=item, delta=text)


def test_the_deltas_of_two_calls_may_be_mixed() -> None:
    side = Items()

    side.items.add(side.out, 0, FunctionCall(call_id="a", name="f"))
    side.items.add(side.out, 1, FunctionCall(call_id="b", name="g", arguments="{"))
    side.items.write_arguments(side.out, piece("{}", 0))
    side.items.write_arguments(side.out, piece("}", 1))
    side.items.finish(side.out, 1, FunctionCall(call_id="b", name="g"))
    side.items.finish(side.out, 0, FunctionCall(call_id="a", name="f"))

    assert side.take() == [
        ToolInputStart("a", "f"),
        ToolInputStart("b", "g"),
        ToolInputDelta("b", "{"),
        ToolInputDelta("a", "{}"),
        ToolInputDelta("b", "}"),
        ToolInputAvailable("b", "g", {}),
        ToolInputAvailable("a", "f", {}),
    ]
    assert side.items.made_calls


def test_deltas_without_a_call_or_without_text_are_ignored() -> None:
    side = Items()

    side.items.write_arguments(side.out, piece("{}", 0))
    side.items.write_code(side.out, piece("x", 0))
    side.items.write_code(side.out, piece("", 0))
    side.items.add(side.out, 0, FunctionCall(call_id="a", name="f"))
    side.items.write_arguments(side.out, piece("", 0))
    side.items.think(side.out, PieceChunk(output_index=1))

    assert side.take() == [ToolInputStart("a", "f")]


def test_deltas_of_the_wrong_kind_are_ignored() -> None:
    side = Items()

    side.items.add(side.out, 0, FunctionCall(call_id="a"))
    side.items.write_code(side.out, piece("x", 0))
    side.items.finish(side.out, 0, CodeInterpreter())
    side.items.add(side.out, 1, CodeInterpreter(id="ci_1"))
    side.items.write_arguments(side.out, piece("{}", 1))

    assert side.take() == [
        ToolInputAvailable("call_0", "code_interpreter", {"code": ""}, "provider"),
        ToolOutputAvailable("call_0", {"status": "completed"}),
        ToolInputStart("ci_1", "code_interpreter", "provider"),
    ]


def test_a_call_may_come_whole() -> None:
    side = Items()

    side.items.finish(side.out, 0, FunctionCall(call_id="a", name="f", arguments='{"x":1}'))

    assert side.take() == [ToolInputAvailable("a", "f", {"x": 1})]


def test_a_call_may_get_its_name_at_the_end() -> None:
    side = Items()

    side.items.add(side.out, 0, FunctionCall(id="fc_1"))
    side.items.write_arguments(side.out, piece("{}", 0))
    side.items.finish(side.out, 0, FunctionCall(id="fc_1", name="f"))

    assert side.take() == [ToolInputAvailable("fc_1", "f", {})]


@pytest.mark.parametrize("upstream_id", ["", None, "taken"])
def test_a_call_without_an_id_of_its_own_gets_one(upstream_id: str | None) -> None:
    side = Items("taken", "call_0")

    side.items.finish(side.out, 0, FunctionCall(call_id=upstream_id, name="f", arguments="{}"))
    side.items.finish(side.out, 1, WebSearch(id=upstream_id))

    call, search, result = side.take()
    assert call == ToolInputAvailable("call_1", "f", {})
    assert search == ToolInputAvailable("call_2", "web_search", {}, "provider")
    assert isinstance(result, ToolOutputAvailable)


@pytest.mark.parametrize(
    ("arguments", "status", "value", "message"),
    [
        ("[1]", "completed", [1], NOT_AN_OBJECT),
        ('{"x":', None, '{"x":', NOT_AN_OBJECT),
        ('{"x":', "incomplete", '{"x":', NOT_FINISHED),
        ("{}", "incomplete", {}, NOT_FINISHED),
    ],
)
def test_arguments_that_cannot_be_used_are_an_error(
    arguments: str, status: str | None, value: object, message: str
) -> None:
    side = Items()

    side.items.finish(
        side.out, 0, FunctionCall(call_id="a", name="f", arguments=arguments, status=status)
    )

    assert side.take() == [ToolInputError("a", "f", value, message)]
    assert side.items.made_calls


def test_calls_that_were_not_done_end_with_the_response_and_are_never_run() -> None:
    for is_complete in (True, False):
        side = Items()
        side.items.add(side.out, 0, FunctionCall(call_id="a", name="f", arguments="{}"))
        side.items.add(side.out, 1, WebSearch(id="ws_1"))

        call, search = side.items.close(is_complete=is_complete)

        assert call == ToolInputError("a", "f", {}, NOT_FINISHED)
        assert search == ToolInputError("ws_1", "web_search", {}, NOT_FINISHED)
        assert side.items.close(is_complete=is_complete) == []


def test_a_call_that_is_done_without_arguments_has_none_unless_it_may_have_been_cut_off() -> None:
    for is_complete in (True, False):
        side = Items()
        side.items.add(side.out, 0, FunctionCall(call_id="a", name="f"))
        side.items.finish(side.out, 0, FunctionCall(call_id="a", name="f", arguments=""))
        assert side.take() == [ToolInputStart("a", "f")]

        events = side.items.close(is_complete=is_complete)

        whole = ToolInputAvailable("a", "f", {})
        assert events == [whole if is_complete else ToolInputError("a", "f", {}, NOT_FINISHED)]


def test_items_with_the_same_number_are_told_apart_by_their_ids() -> None:
    side = Items()

    side.items.add(side.out, 0, FunctionCall(call_id="a", name="f", arguments="{}"))
    side.items.add(side.out, 0, WebSearch(id="ws_1"))
    side.items.add(side.out, 0, FunctionCall(call_id="b", name="f"))
    side.take()
    side.items.finish(side.out, 0, FunctionCall(call_id="b", name="f", arguments='{"x":1}'))
    side.items.finish(side.out, 0, FunctionCall(call_id="a", name="f", arguments="{}"))

    assert side.take() == [
        ToolInputAvailable("b", "f", {"x": 1}),
        ToolInputAvailable("a", "f", {}),
    ]


def test_a_server_without_numbers_that_ends_all_calls_last_gets_each_call_its_own() -> None:
    """As llama.cpp does."""
    side = Items()
    oslo, bergen = '{"city":"Oslo"}', '{"city":"Bergen"}'
    weather = FunctionCall(id="fc_1", call_id="call_1", name="get_weather")
    delete = FunctionCall(id="fc_2", call_id="call_2", name="delete_city")

    for call, text in ((weather, oslo), (delete, bergen)):
        side.items.add(side.out, None, call)
        side.items.write_arguments(side.out, PieceChunk(item_id=call.id, delta=text))
    side.take()
    for call, text in ((weather, oslo), (delete, bergen)):
        done = msgspec.structs.replace(call, arguments=text)
        side.items.finish(side.out, None, done)

    assert side.take() == [
        ToolInputAvailable("call_1", "get_weather", {"city": "Oslo"}),
        ToolInputAvailable("call_2", "delete_city", {"city": "Bergen"}),
    ]
    assert side.items.close(is_complete=True) == []


@pytest.mark.parametrize(
    "done",
    [
        pytest.param(FunctionCall(call_id="a", name="f", arguments='{"x":2}'), id="arguments"),
        pytest.param(FunctionCall(call_id="a", name="f", arguments='{"x":1}{'), id="no JSON"),
        pytest.param(FunctionCall(call_id="a", name="g", arguments='{"x":1}'), id="name"),
    ],
)
def test_a_call_whose_end_contradicts_its_beginning_is_not_run(done: FunctionCall) -> None:
    side = Items()
    side.items.add(side.out, 0, FunctionCall(call_id="a", name="f"))
    side.items.write_arguments(side.out, piece('{"x":1}', 0))
    side.take()

    side.items.finish(side.out, 0, done)

    (event,) = side.take()
    assert isinstance(event, ToolInputError)
    assert (event.tool_call_id, event.tool_name) == ("a", "f")
    assert event.message == NOT_CERTAIN
    assert side.items.close(is_complete=True) == []
    assert side.items.made_calls


def test_an_end_that_tells_nothing_at_all_is_no_reason_to_run_the_call() -> None:
    side = Items()

    side.items.add(side.out, None, FunctionCall(name="f"))
    side.items.finish(side.out, None, FunctionCall(name="f"))
    side.items.finish(side.out, None, FunctionCall(name="f", arguments="{}"))

    assert side.take() == [
        ToolInputStart("call_0", "f"),
        ToolInputError("call_0", "f", {}, NOT_CERTAIN),
    ]


def test_arguments_may_come_before_the_name() -> None:
    side = Items()

    side.items.add(side.out, 0, FunctionCall(id="fc_1", arguments='{"x":'))
    side.items.write_arguments(side.out, piece("1}", 0))
    side.items.finish(side.out, 0, FunctionCall(id="fc_1", name="f"))

    assert side.take() == [ToolInputAvailable("fc_1", "f", {"x": 1})]


def test_an_end_that_may_be_of_several_calls_is_of_none() -> None:
    side = Items()
    for call_id in ("a", "b"):
        side.items.add(side.out, None, FunctionCall(call_id=call_id, name="f"))
        side.items.write_arguments(side.out, PieceChunk(item_id=call_id, delta='{"x":1}'))
    side.take()

    side.items.finish(side.out, None, FunctionCall(name="f", arguments='{"x":2}'))

    assert side.take() == []
    assert side.items.close(is_complete=True) == [
        ToolInputError("a", "f", {"x": 1}, NOT_FINISHED),
        ToolInputError("b", "f", {"x": 1}, NOT_FINISHED),
    ]


def test_a_call_that_is_told_twice_is_one_call() -> None:
    side = Items()
    done = FunctionCall(id="fc_1", call_id="a", name="f", arguments="{}")

    side.items.add(side.out, None, FunctionCall(id="fc_1", call_id="a", name="f"))
    side.items.finish(side.out, None, done)
    side.items.finish(side.out, None, done)

    assert side.take() == [ToolInputStart("a", "f"), ToolInputAvailable("a", "f", {})]


def test_a_call_of_which_a_piece_may_be_missing_is_not_run_without_its_whole_arguments() -> None:
    for arguments in (None, '{"x":1}'):
        side = Items()
        for call_id in ("a", "b"):
            side.items.add(side.out, None, FunctionCall(call_id=call_id, name="f"))
        side.items.write_arguments(side.out, PieceChunk(delta='{"x":1}'))
        side.take()

        side.items.finish(side.out, None, FunctionCall(call_id="a", name="f", arguments=arguments))
        (event,) = side.take()

        whole = ToolInputAvailable("a", "f", {"x": 1})
        assert event == (whole if arguments else ToolInputError("a", "f", {}, NOT_CERTAIN))


def test_a_call_that_never_gets_a_name_is_refused() -> None:
    side = Items()

    with pytest.raises(ValueError, match="without a name"):
        side.items.finish(side.out, 0, FunctionCall(call_id="a"))


def test_code_is_streamed_as_json_and_may_also_come_whole() -> None:
    streamed, whole = Items(), Items()
    for side in (streamed, whole):
        side.items.add(side.out, 0, CodeInterpreter(id="ci_1"))
    streamed.items.write_code(streamed.out, piece('a"\n', 0))
    streamed.items.write_code(streamed.out, piece("\ud83d", 0))
    for side in (streamed, whole):
        side.items.finish(side.out, 0, CodeInterpreter(id="ci_1", code='a"\n\ud83d'))

    with_delta, without = streamed.take(), whole.take()

    delta = with_delta.pop(1)
    assert isinstance(delta, ToolInputDelta)
    assert json.loads(delta.text) == {"code": 'a"\n\ud83d'}
    assert with_delta == without


def test_a_tool_of_an_mcp_server_goes_by_its_own_name() -> None:
    side = Items()

    side.items.add(side.out, 0, McpCall(id="mcp_1", name="roll"))

    assert side.take() == [ToolInputStart("mcp_1", "roll", "provider")]


def test_the_parts_of_reasoning_are_paragraphs() -> None:
    side = Items()

    side.items.think(side.out, thought("a", summary=0))
    side.items.think(side.out, thought("b", summary=0))
    side.items.think(side.out, thought("c", summary=1))
    side.items.add(side.out, 1, Reasoning(id="rs_2"))
    side.items.think(side.out, thought("d", 1, summary=0))
    side.items.add(side.out, 2, Message())
    side.items.think(side.out, thought("e", 3))

    assert side.take() == [ReasoningDelta("ab\n\nc\n\nde")]


def test_shown_reasoning_gets_a_signature_and_hidden_reasoning_is_redacted() -> None:
    side = Items()

    side.items.think(side.out, thought("a"))
    side.items.finish(side.out, 0, Reasoning(id="rs_1", encrypted_content="gAAA"))
    side.items.finish(side.out, 1, Reasoning(id="rs_2", encrypted_content="gBBB"))
    side.items.finish(side.out, 2, Reasoning(encrypted_content="gCCC"))
    side.items.finish(side.out, 3, Reasoning(id="rs_4"))
    side.items.think(side.out, thought("b", 4))

    shown, signature, hidden, without_id, next_shown = side.take()
    assert (shown, next_shown) == (ReasoningDelta("a"), ReasoningDelta("b"))
    assert isinstance(signature, ReasoningSignature)
    assert read_proof(signature.signature) == ReasoningProof("rs_1", "gAAA")
    assert isinstance(hidden, ReasoningRedacted)
    assert read_proof(hidden.data) == ReasoningProof("rs_2", "gBBB")
    assert isinstance(without_id, ReasoningRedacted)
    assert read_proof(without_id.data) == ReasoningProof("", "gCCC")


def test_each_page_and_each_file_is_a_source_once() -> None:
    side = Items()
    page = Annotation(url="https://e.com", title="")
    file = Annotation(file_id="file_1", filename="a.pdf")

    for annotation in (page, file, page, file, Annotation(file_id="file_2"), Annotation()):
        side.items.cite(side.out, annotation)
    content = [ContentPart(annotations=[page]), ContentPart()]
    side.items.finish(side.out, 0, Message(content=content))
    side.items.finish(side.out, 1, Message())

    assert side.take() == [
        Source("source_0", url="https://e.com"),
        Source("source_1", title="a.pdf", filename="a.pdf"),
        Source("source_2", title="file_2"),
    ]
