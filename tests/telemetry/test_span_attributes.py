"""What a span says about a call to the model, and what it leaves out."""

from app.events import Usage
from app.messages import Message, StepRequest, TextPart
from app.telemetry.span_attributes import answered, asked, finish_reason, request_attributes
from app.tracing import StepOutcome

PLAIN = StepRequest(model="m", messages=[Message("user", (TextPart("Hi"),))])


def test_what_is_not_asked_for_is_left_out() -> None:
    limited = StepRequest(
        model="m",
        messages=(),
        temperature=0.0,
        max_output_tokens=9,
        response_schema=("recipe", {}),
    )

    assert request_attributes(PLAIN) == {}
    assert request_attributes(limited) == {
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.output.type": "json",
    }


def test_content_that_is_not_there_is_left_out() -> None:
    assert asked(PLAIN).keys() == {"gen_ai.input.messages"}


def test_unknown_counts_are_left_out() -> None:
    failed = StepOutcome(finish_reason=None, usage=Usage(), first_chunk_s=None)
    well = StepOutcome(
        finish_reason="content-filter",
        usage=Usage(1, 2, 3, 4),
        first_chunk_s=0.5,
        output=Message("assistant", ()),
    )

    assert answered(failed) == {}
    assert answered(well) == {
        "gen_ai.response.finish_reasons": ["content_filter"],
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.output.messages": (
            '[{"role":"assistant","parts":[],"finish_reason":"content_filter"}]'
        ),
    }


def test_reasons_are_written_as_the_api_writes_them() -> None:
    assert finish_reason("tool-calls") == "tool_calls"
