"""`app.tools.valid_call`: calls whose input has been parsed."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from app.events import ToolInputAvailable
from app.tools import Tool, client_tool, tool
from app.tools.definition import InvalidToolInput
from app.tools.valid_call import validate


@tool
def book(day: date, seats: int = 1) -> None: ...


def test_the_input_stays_as_it_came_beside_the_parsed_arguments() -> None:
    call = validate(book, "c1", {"day": "2026-01-02"})

    assert call.input == {"day": "2026-01-02"}
    assert call.arguments == {"day": date(2026, 1, 2), "seats": 1}


def test_a_valid_call_cannot_be_changed() -> None:
    call = validate(book, "c1", {"day": "2026-01-02"})

    with pytest.raises(AttributeError):
        call.arguments = {}  # type: ignore[misc]


def test_an_approval_is_for_the_input_as_the_client_was_shown_it() -> None:
    call = validate(book, "c1", {"day": "2026-01-02"})

    assert call.for_approval == call.announcement().input == {"day": "2026-01-02"}


def test_the_announcement_says_who_executes_the_call() -> None:
    ask = client_tool("ask", "Ask the user.")

    here = validate(book, "c1", {"day": "2026-01-02"}).announcement()
    there = validate(ask, "c2", {}).announcement()

    assert here == ToolInputAvailable("c1", "book", {"day": "2026-01-02"}, "server")
    assert there == ToolInputAvailable("c2", "ask", {}, "client")


def test_an_input_that_does_not_fit_makes_no_call() -> None:
    with pytest.raises(InvalidToolInput, match="day: Input should be a valid date"):
        validate(book, "c1", {"day": "x"})


def test_an_error_inside_the_check_is_not_hidden() -> None:
    def parse(value: Any) -> Mapping[str, Any]:
        raise KeyError("broken")

    broken = Tool("broken", description="", parameters={}, parse=parse, run=None)

    with pytest.raises(KeyError):
        validate(broken, "c1", {})
