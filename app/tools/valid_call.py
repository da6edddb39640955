"""A call whose input has passed the check of its tool.

A turn parses the input of a call once, here. The announcement, the approval and the execution all
take the `ValidCall`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.events import Executor, ToolInputAvailable
from app.tools.tool import Tool


class ValidCall(msgspec.Struct, frozen=True):
    """One call of a tool.

    Attributes:
        tool_call_id: the model's name for this call.
        input: JSON, as the model wrote it. The client is shown this.
        arguments: what ``tool.parse`` made of ``input``. The tool receives this.
    """

    tool: Tool
    tool_call_id: str
    input: Mapping[str, Any]
    arguments: Mapping[str, Any]

    @property
    def for_approval(self) -> Mapping[str, Any]:
        """What the approval predicate decides on, and what an approval id is signed for."""
        return self.input

    def announcement(self) -> ToolInputAvailable:
        """Return the event that shows the call to the client and says who executes it."""
        executor: Executor = "client" if self.tool.run is None else "server"
        return ToolInputAvailable(self.tool_call_id, self.tool.name, self.input, executor)


def validate(tool: Tool, tool_call_id: str, tool_input: Any) -> ValidCall:
    """Parse the input of a call.

    Raises:
        InvalidToolInput: the input does not fit the tool's schema; the message is for the model.
        Exception: whatever else a validator inside the tool's type hints raises.
    """
    return ValidCall(tool, tool_call_id, tool_input, tool.parse(tool_input))
