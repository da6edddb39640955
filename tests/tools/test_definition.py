"""`app.tools.definition`: names of tools, and errors that their authors and users read."""

import pytest

from app.tools import ToolDefinitionError, ToolError
from app.tools.definition import check_name


@pytest.mark.parametrize("name", ["a", "get_weather", "Get-Weather_2", "x" * 64])
def test_a_name_that_openai_accepts_is_returned(name: str) -> None:
    assert check_name(name) == name


def test_the_refusal_of_a_name_says_what_is_allowed() -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        check_name("get weather")

    sentence = "'get weather' cannot be a tool's name: use up to 64 letters, digits, _ and -."
    assert str(caught.value) == sentence


def test_a_tool_error_has_a_message_for_people_and_a_code_for_programs() -> None:
    plain = ToolError("No seats left.")
    coded = ToolError("No seats left.", code="SOLD_OUT")

    assert (plain.message, plain.code) == ("No seats left.", "EXECUTION_ERROR")
    assert (coded.message, coded.code) == ("No seats left.", "SOLD_OUT")


def test_the_message_of_a_tool_error_is_text_even_if_it_was_made_of_an_exception() -> None:
    message: object = ValueError("No seats left.")

    assert ToolError(message).message == "No seats left."  # type: ignore[arg-type]
