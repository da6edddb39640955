"""`app.examples.get_weather`: a tool that reports while it works."""

from app.events import Status, ToolOutputAvailable, ToolOutputError
from app.examples.get_weather import get_weather
from tests.examples.example import called


async def test_the_weather_is_reported_while_it_is_looked_up() -> None:
    assert await called(get_weather, city=" Oslo ") == [
        Status("Looking up Oslo", "c1"),
        Status("Reading the thermometer in Oslo", "c1"),
        ToolOutputAvailable(
            "c1", {"city": "Oslo", "temperature_celsius": 9, "conditions": "cloudy"}
        ),
    ]


async def test_every_city_has_weather_and_no_city_has_none() -> None:
    elsewhere = (await called(get_weather, city="Atlantis"))[-1]

    assert isinstance(elsewhere, ToolOutputAvailable)
    assert elsewhere.output["city"] == "Atlantis"
    assert await called(get_weather, city=" ") == [ToolOutputError("c1", "Tell me which city.")]
