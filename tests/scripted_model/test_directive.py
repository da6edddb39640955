"""The line that asks for a scenario, and its options."""

from typing import Any

import pytest

from app.scripted_model.checks import BadRequest
from app.scripted_model.directive import Options, read_directive
from app.scripted_model.script import Delivery
from tests.scripted_model.client import Side, chat


@pytest.mark.parametrize(
    ("change", "param", "said"),
    [
        ({"messages": [{"role": "user", "content": "scenario: text x=1"}]}, None, "words"),
        ({"messages": [{"role": "user", "content": "scenario: text x"}]}, None, "key=value"),
        ({"messages": [{"role": "user", "content": "scenario: text 'x"}]}, None, "be read"),
        ({"messages": [{"role": "user", "content": "scenario: text tokens=x"}]}, None, "form"),
    ],
    ids=str,
)
async def test_an_option_that_cannot_be_read_is_refused(
    side: Side, change: dict[str, Any], param: str | None, said: str
) -> None:
    response = await side.http.post("chat/completions", json={**chat("Hi"), **change})

    error = response.json()["error"]
    assert response.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert said in error["message"]


def options_of(line: str) -> Options:
    directive = read_directive(f"scenario: x {line}")
    assert directive is not None
    return directive.options


def test_a_text_without_a_directive_has_none() -> None:
    assert read_directive("Which scenario: this or that?") is None


def test_the_first_directive_of_a_text_counts() -> None:
    directive = read_directive("Please:\n  Scenario: STALL after=3\nscenario: text")

    assert directive is not None
    assert directive.name == "stall"
    assert directive.options.whole("after", 0) == 3
    directive.options.refuse_unknown()


def test_values_are_quoted_as_in_a_shell() -> None:
    options = options_of("""text='two words' arguments='{"a": "b=c"}'""")

    assert options.text("text") == "two words"
    assert options.text("arguments") == '{"a": "b=c"}'


def test_an_option_that_is_absent_has_its_default() -> None:
    options = options_of("")

    assert options.text("text", "Yes.") == "Yes."
    assert options.whole("tokens", 20) == 20
    assert options.seconds("delay") is None
    assert options.flag("crlf", True) is True
    assert options.delivery() == Delivery()


def test_the_delivery_is_read_from_its_options() -> None:
    options = options_of(
        "delay=0.5 events_per_write=0 bytes_per_write=7 crlf=yes comments=1 usage=no done=false"
    )

    assert options.delivery() == Delivery(
        delay_s=0.5,
        events_per_write=1,
        bytes_per_write=7,
        crlf=True,
        comments=True,
        usage=False,
        done=False,
    )
    options.refuse_unknown()


@pytest.mark.parametrize("line", ["seconds=-1", "seconds=soon", "seconds=1."])
def test_a_duration_is_a_decimal_number(line: str) -> None:
    with pytest.raises(BadRequest, match="is not of the form"):
        options_of(line).seconds("seconds")


def test_an_option_that_nobody_read_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="typo"):
        options_of("typo=1").refuse_unknown()
