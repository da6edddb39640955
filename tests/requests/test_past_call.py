"""`app.requests.past_call`: the calls of a history, each with its result."""

from typing import Any

import pytest

from app.messages import ApprovalReply, ToolCallPart, ToolOutputPart
from app.requests.client_message import Tool
from app.requests.message_reader import read_invocation, read_part, read_tool_call
from app.requests.past_call import (
    FAILED,
    NOT_APPROVED,
    NOT_FINISHED,
    PastCall,
    invocation_call,
    tool_call,
)
from app.requests.past_call import openai_call as read_openai_call
from tests.requests.posting import (
    HI,
    assistant,
    closed,
    invocation,
    invocation_part,
    messages_of,
    openai_call,
    output,
    plain,
    results,
    says,
    tool_part,
)

CALL = ToolCallPart("c1", "get_weather", {"city": "Bergen"})
DENIED = "This call was not run; the user denied it."


@pytest.mark.parametrize(
    ("part", "result"),
    [
        (tool_part("output-available", output={"c": 12}), output({"c": 12})),
        (tool_part("output-available", output=[], preliminary=True), output([])),
        (tool_part("output-available"), output(None)),
        (tool_part("output-error", errorText="Too far."), output("Too far.", is_error=True)),
        (tool_part("output-error"), output(FAILED, is_error=True)),
        (tool_part("output-denied"), output(DENIED, is_error=True)),
        (
            tool_part("output-denied", approval={"id": "a", "approved": False, "reason": "No!"}),
            output("This call was not run; the user denied it: No!", is_error=True),
        ),
        (tool_part("input-available"), closed(NOT_FINISHED)),
        (tool_part("some-later-state"), closed(NOT_FINISHED)),
        (tool_part("approval-requested", approval={"id": "a"}), closed(NOT_APPROVED)),
        (tool_part("approval-responded"), closed(NOT_APPROVED)),
        (tool_part("approval-responded", approval={"id": "a"}), closed(NOT_APPROVED)),
        (
            tool_part("approval-responded", approval={"id": "a", "approved": True}),
            closed(NOT_FINISHED),
        ),
        (
            tool_part("approval-responded", approval={"id": "a", "approved": False}),
            closed(DENIED),
        ),
        (invocation_part("result", result={"c": 12}), output({"c": 12})),
        (invocation_part("result"), output(None)),
        (invocation_part("call", result="12 °C"), output("12 °C")),
        (invocation_part("call"), closed(NOT_FINISHED)),
    ],
)
def test_every_call_has_a_result_directly_behind_it(
    part: dict[str, object], result: ToolOutputPart
) -> None:
    assert plain(messages_of(HI, assistant(part), HI))[1:-1] == plain([says(CALL), results(result)])


def test_a_tool_that_the_client_does_not_know_has_its_name_beside_the_type() -> None:
    part = {**tool_part("output-available", output=1), "type": "dynamic-tool", "toolName": "mcp"}

    assert plain(messages_of(HI, assistant(part)))[1:] == [
        ("assistant", [ToolCallPart("c1", "mcp", {"city": "Bergen"})]),
        ("tool", [ToolOutputPart("c1", "mcp", 1)]),
    ]


@pytest.mark.parametrize(
    ("part", "tool_input"),
    [
        (tool_part("output-error", input=None, rawInput='{"city'), '{"city'),
        (tool_part("output-error", input=None), {}),
        (tool_part("output-available", input=0), 0),
        (invocation_part("result", args=None), {}),
    ],
)
def test_the_input_of_a_call_is_what_the_model_wrote(part: object, tool_input: object) -> None:
    message = messages_of(HI, assistant(part))[1]

    assert plain([message]) == [("assistant", [ToolCallPart("c1", "get_weather", tool_input)])]


def read(part: Any) -> PastCall | None:
    """Return what a part of AI SDK 5 or later comes to."""
    posted = read_part(part)
    assert isinstance(posted, Tool)
    return tool_call(posted)


def test_a_reply_to_an_approval_request_is_kept_with_its_call() -> None:
    past = read(tool_part("approval-responded", approval={"id": "a", "approved": True}))

    assert past == PastCall(CALL, closed(NOT_FINISHED), ApprovalReply("a", True, None, CALL))


def test_a_denial_is_kept_with_its_reason() -> None:
    reply = {"id": "a", "approved": False, "reason": "No!"}

    past = read(tool_part("approval-responded", approval=reply))

    assert past == PastCall(
        CALL,
        closed("This call was not run; the user denied it: No!"),
        ApprovalReply("a", False, "No!", CALL),
    )


@pytest.mark.parametrize("approval", [None, {"id": "a"}, {"id": "a", "approved": None}])
def test_without_a_reply_there_is_no_approval(approval: object) -> None:
    past = read(tool_part("approval-responded", approval=approval))

    assert past == PastCall(CALL, closed(NOT_APPROVED))


def test_a_call_that_the_model_never_finished_or_the_provider_ran_is_none() -> None:
    assert read(tool_part("input-streaming")) is None
    assert read(tool_part("output-available", output=1, providerExecuted=True)) is None
    assert invocation_call(read_invocation(invocation("partial-call"))) is None


@pytest.mark.parametrize("step", [None, 0, 3])
def test_the_number_of_the_step_is_the_clients(step: int | None) -> None:
    for state in ("result", "call"):
        past = invocation_call(read_invocation(invocation(state, step=step)))

        assert past is not None
        assert past.step == step


@pytest.mark.parametrize(
    ("arguments", "tool_input"),
    [('{"city": "Bergen"}', {"city": "Bergen"}), ("[]", []), ("{", "{"), ("", "")],
)
def test_the_arguments_of_an_openai_call_are_json_or_else_their_text(
    arguments: str, tool_input: object
) -> None:
    posted = read_tool_call(openai_call("c1", arguments))

    assert read_openai_call(posted, "12").call == ToolCallPart("c1", "get_weather", tool_input)


def test_an_openai_call_has_the_text_of_its_tool_message_or_is_closed() -> None:
    posted = read_tool_call(openai_call("c1", '{"city": "Bergen"}'))

    assert read_openai_call(posted, "12") == PastCall(CALL, output("12"))
    assert read_openai_call(posted, None) == PastCall(CALL, closed(NOT_FINISHED))
