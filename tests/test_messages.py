"""What the model is asked: the defaults that every maker of a request relies on."""

import pytest

from app.messages import ChatRequest, Message, StepRequest, TextPart, ToolOutputPart, ToolRequest

HI = Message("user", [TextPart("Hi")])


def test_a_chat_request_streams_and_begins_a_message_unless_it_says_otherwise() -> None:
    request = ChatRequest(shape="prompt", messages=[HI])

    assert request.stream
    assert request.continues is None
    assert request.approval_replies == ()


def test_a_tool_request_streams_unless_it_says_otherwise() -> None:
    assert ToolRequest(name=None, args={}, context={}, tool_config={}).stream


def test_a_step_request_asks_for_text_without_tools_or_limits() -> None:
    request = StepRequest(model="m", messages=[HI])

    assert request.tools == ()
    assert (request.max_output_tokens, request.response_schema) == (None, None)


def test_a_result_is_the_clients_and_no_error_unless_it_says_so() -> None:
    result = ToolOutputPart("c", "t", 1)

    assert (result.is_error, result.closed) == (False, False)


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        HI.role = "system"  # type: ignore[misc]
