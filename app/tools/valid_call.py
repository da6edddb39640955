"""A call whose input has passed the check of its tool.

A turn parses the input of a call here. The announcement, the approval and the execution all take
the `ValidCall`.

An approval has to be about what runs. For a tool that may ask for one, the input is therefore
replaced by the plain form of what validation made of it (`app.tools.plain_form`): the approval
predicate decides on that form, the signature is over it, the user who is asked sees it, and the
tool's arguments are parsed from it. A call whose input has no such form always asks; its user sees
the input as the model wrote it, which is then what the signature is over.
"""

import copy
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from app.events import Executor, ToolInputAvailable
from app.tools.canonical_json import canonical_json
from app.tools.definition import InvalidToolInput
from app.tools.plain_form import PlainForm
from app.tools.tool import Tool

logger = logging.getLogger("deltaline.tools")


class ValidCall(msgspec.Struct, frozen=True):
    """One call of a tool.

    Attributes:
        tool_call_id: the model's name for this call.
        input: JSON, as the model wrote it. The client is shown this, unless its user is asked.
        arguments: what ``tool.parse`` made of the input. The tool receives this.
        plain: the JSON form of ``arguments``. `None`: they have none, or nobody is ever asked.
    """

    tool: Tool
    tool_call_id: str
    input: Mapping[str, Any]
    arguments: Mapping[str, Any]
    plain: PlainForm | None = None

    @property
    def for_approval(self) -> Mapping[str, Any]:
        """What the user approves: an approval id is signed for this."""
        if self.plain is not None:
            return self.plain.whole
        if self.tool.needs_approval is False:
            return self.input
        # Marked, so that it never passes for a checked input that is spelled alike.
        return {"as written": self.input}

    def asks_approval(self) -> bool:
        """Return whether the user has to approve the call before it runs."""
        if isinstance(self.tool.needs_approval, bool):
            return self.tool.needs_approval
        if self.plain is None:
            return True
        # A copy, so that a predicate cannot change what is signed.
        return self.tool.asks_approval(copy.deepcopy(self.plain.whole))

    def as_it_runs(self) -> "ValidCall":
        """Return the call with the input that its user has to see before he approves it."""
        if self.plain is None or canonical_json(self.input) == canonical_json(self.plain.given):
            return self
        return msgspec.structs.replace(self, input=self.plain.given)

    def announcement(self) -> ToolInputAvailable:
        """Return the event that shows the call to the client and says who executes it."""
        executor: Executor = "client" if self.tool.run is None else "server"
        return ToolInputAvailable(self.tool_call_id, self.tool.name, self.input, executor)


def validate(tool: Tool, tool_call_id: str, tool_input: Any) -> ValidCall:
    """Parse the input of a call.

    The input of a tool that may ask for approval is parsed several times, so that the form which is
    decided on is known to stand for the arguments.

    Raises:
        InvalidToolInput: the input does not fit the tool's schema; the message is for the model.
        BaseException: whatever else a validator inside the tool's type hints raises.
    """
    arguments = tool.parse(tool_input)
    if tool.needs_approval is False:
        return ValidCall(tool, tool_call_id, tool_input, arguments)
    try:
        canonical_json(tool_input)
    except RecursionError:
        raise InvalidToolInput("The input is not valid: it is nested too deeply.") from None
    plain = _plain_form(tool, tool_input)
    if plain is not None:
        arguments = tool.parse(plain.given)
    return ValidCall(tool, tool_call_id, tool_input, arguments, plain)


def _plain_form(tool: Tool, tool_input: Any) -> PlainForm | None:
    try:
        return tool.plain_form(tool_input)
    except ValueError:
        return None  # the form itself does not pass the check
    except BaseException:
        logger.exception("the input of %s has no JSON form", tool.name)
        return None
