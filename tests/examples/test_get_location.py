"""`app.examples.get_location`: a tool that the browser executes."""

from app.events import ToolInputAvailable
from app.examples.get_location import get_location
from app.tools.valid_call import validate


def test_the_location_is_for_the_browser_to_say() -> None:
    call = validate(get_location, "c1", {})

    assert call.announcement() == ToolInputAvailable("c1", "get_location", {}, "client")
