"""What real model servers sent, byte for byte, and what we make of it.

The traces are what llama.cpp's own server and LiteLLM's proxy in front of it sent
(`tests/model_servers/record.py`); "bridge" is LiteLLM making Responses of chat completions.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ContextTooLong, InputNotSupported, ProviderError, ProviderModelNotFound
from app.events import (
    Event,
    ReasoningDelta,
    StepEnd,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
)
from app.providers.failures import error_for_status
from app.providers.openai.chat_decoder import ChatDecoder
from app.providers.openai.responses_decoder import ResponsesDecoder
from app.providers.step_stream import Decoder
from tests.model_servers.scripts import BERGEN, OSLO, SCRIPTS, looped

TRACES = Path(__file__).parents[2] / "traces" / "model_servers"
CUT_AT = 20  # tokens; `record.CUT_AT`
FOLDERS = sorted(str(path.relative_to(TRACES)) for path in TRACES.glob("*/*"))


def decode(folder: str, *pieces: bytes, limit: int | None = None) -> list[Event]:
    decoder: Decoder = (
        ResponsesDecoder(max_output_tokens=limit) if folder.endswith("responses") else ChatDecoder()
    )
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


def trace(folder: str, name: str) -> bytes:
    return (TRACES / folder / f"{name}.stream").read_bytes()


def said(events: Sequence[Event], kind: type[TextDelta] | type[ReasoningDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def called(events: Sequence[Event]) -> list[tuple[str, str]]:
    assert not [event for event in events if isinstance(event, ToolInputError)]
    calls = [event for event in events if isinstance(event, ToolInputAvailable)]
    for call in calls:
        assert set(call.input) == {"city"}
    return [(call.tool_name, call.input["city"]) for call in calls]


def end_of(events: Sequence[Event]) -> StepEnd:
    assert isinstance(events[-1], StepEnd)
    return events[-1]


def test_there_are_traces_of_each_server_and_api() -> None:
    assert [
        f"{server}/{api}"
        for server in ("litellm-bridge", "litellm", "llama-cpp")
        for api in ("chat", "responses")
    ] == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
class TestEachServer:
    def test_a_text(self, folder: str) -> None:
        events = decode(folder, trace(folder, "text"))

        assert said(events, TextDelta) == SCRIPTS["text"]
        end = end_of(events)
        assert end.finish_reason == "stop"
        assert end.usage.output_tokens == 11
        assert end.usage.input_tokens

    def test_reasoning(self, folder: str) -> None:
        events = decode(folder, trace(folder, "think"))

        assert said(events, ReasoningDelta).strip() == "Let me see."
        assert said(events, TextDelta).strip() == "I have thought."

    @pytest.mark.parametrize(
        ("name", "calls"),
        [("call", [OSLO]), ("two-calls", [OSLO, BERGEN]), ("text-and-call", [OSLO])],
    )
    def test_calls_have_their_own_arguments(
        self, folder: str, name: str, calls: list[tuple[str, str]]
    ) -> None:
        events = decode(folder, trace(folder, name))

        assert called(events) == calls
        assert end_of(events).finish_reason == "tool-calls"
        for event in events:
            if isinstance(event, ToolInputAvailable):
                deltas = [
                    delta.text
                    for delta in events
                    if isinstance(delta, ToolInputDelta)
                    and delta.tool_call_id == event.tool_call_id
                ]
                assert event.input["city"] in "".join(deltas)

    def test_an_answer_that_is_cut_says_so(self, folder: str) -> None:
        events = decode(folder, trace(folder, "cut"), limit=CUT_AT)

        assert said(events, TextDelta) == looped(CUT_AT)
        assert end_of(events).finish_reason == "length"

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("too-long", ContextTooLong),
            ("image", InputNotSupported),
            ("unknown-model", ProviderModelNotFound),
        ],
    )
    def test_a_refusal_says_why(self, folder: str, name: str, kind: type[ProviderError]) -> None:
        if folder.startswith("llama-cpp") and kind is ProviderModelNotFound:
            # It has one model and takes any name for it.
            assert said(decode(folder, trace(folder, name)), TextDelta) == SCRIPTS["text"]
            return
        data = (TRACES / folder / f"{name}.refusal").read_bytes()
        status, _, body = data.partition(b"\n")

        assert type(error_for_status(int(status), {}, body)) is kind

    @given(data=st.data())
    @settings(max_examples=20, deadline=None)
    def test_any_split_of_the_bytes_means_the_same(self, folder: str, data: st.DataObject) -> None:
        stream = trace(folder, "two-calls")
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

        assert called(decode(folder, *pieces)) == [OSLO, BERGEN]
