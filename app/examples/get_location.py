"""An example of a client tool, which the browser executes."""

from app.tools import client_tool

get_location = client_tool(
    "get_location", "Ask the user's browser where the user is. Takes no arguments."
)
