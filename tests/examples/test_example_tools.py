"""The example tools: `get_weather`, `slow_process`, `get_location` and `send_email`."""

from typing import Any

import pytest

from app.events import Event, Status, ToolInputAvailable, ToolOutputAvailable, ToolOutputError
from app.tools import Scene
from app.tools.definition import InvalidToolInput
from app.tools.execution import run_calls
from app.tools.loading import EXAMPLES, load_tools
from app.tools.valid_call import validate
from tests.tools.sink import Sink

TOOLS = load_tools(list(EXAMPLES))
AT_ONCE = Scene(config={"pause_s": 0, "seconds_per_step": 0})


async def called(name: str, **tool_input: Any) -> list[Event]:
    sink = Sink()
    call = validate(TOOLS[name], "c1", tool_input)
    await run_calls([call], emit=sink.emit, scene=AT_ONCE)
    return sink.events


async def test_the_weather_is_reported_while_it_is_looked_up() -> None:
    assert await called("get_weather", city=" Oslo ") == [
        Status("Looking up Oslo", "c1"),
        Status("Reading the thermometer in Oslo", "c1"),
        ToolOutputAvailable(
            "c1", {"city": "Oslo", "temperature_celsius": 9, "conditions": "cloudy"}
        ),
    ]


async def test_every_city_has_weather_and_no_city_has_none() -> None:
    elsewhere = (await called("get_weather", city="Atlantis"))[-1]

    assert isinstance(elsewhere, ToolOutputAvailable)
    assert elsewhere.output["city"] == "Atlantis"
    assert await called("get_weather", city=" ") == [ToolOutputError("c1", "Tell me which city.")]


async def test_the_slow_process_counts_its_steps() -> None:
    assert await called("slow_process", message="hello", steps=2) == [
        Status("Starting: hello", "c1"),
        Status("Step 1/2 complete...", "c1"),
        Status("Step 2/2 complete...", "c1"),
        ToolOutputAvailable("c1", {"status": "success", "message": "Processed in 2 steps"}),
    ]


@pytest.mark.parametrize("steps", [0, -1, 101])
def test_the_slow_process_takes_a_sensible_number_of_steps(steps: int) -> None:
    with pytest.raises(InvalidToolInput, match="steps: Input should be"):
        validate(TOOLS["slow_process"], "c1", {"message": "x", "steps": steps})


def test_the_location_is_for_the_browser_to_say() -> None:
    call = validate(TOOLS["get_location"], "c1", {})

    assert call.announcement() == ToolInputAvailable("c1", "get_location", {}, "client")


async def test_an_e_mail_needs_approval_and_is_not_really_sent() -> None:
    mail = {"to": "a@example.org", "subject": "Hi", "body": "Hello"}

    assert TOOLS["send_email"].asks_approval(mail)
    assert await called("send_email", **mail) == [
        Status("Sending to a@example.org", "c1"),
        ToolOutputAvailable(
            "c1",
            {
                "sent": True,
                "pretended": True,
                "to": "a@example.org",
                "subject": "Hi",
                "characters": 5,
            },
        ),
    ]


def test_the_examples_are_in_strict_mode() -> None:
    assert all(tool.strict for tool in TOOLS.values())
