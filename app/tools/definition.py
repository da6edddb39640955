"""The errors of defining and calling tools, and what is allowed as a tool's name."""

import re

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class ToolDefinitionError(TypeError):
    """A tool cannot be made like this; the message says what to change."""


class InvalidToolInput(ValueError):
    """The model's input does not fit the tool's schema. The message is for the model."""


class ToolError(Exception):
    """Raised by a tool to tell the user, and the model, what went wrong.

    Any other exception is masked as "An error occurred.": its text may hold what nobody outside
    should read.

    Args:
        message: one sentence for the user's eyes.
        code: for programs that read a tool stream.
    """

    def __init__(self, message: str, *, code: str = "EXECUTION_ERROR") -> None:
        super().__init__(message)
        self.message = str(message)  # it may be another exception
        self.code = code


def check_name(name: str) -> str:
    """Return ``name`` if OpenAI's API accepts it for a tool.

    Raises:
        ToolDefinitionError: it does not.
    """
    if _NAME.fullmatch(name) is None:
        raise ToolDefinitionError(
            f"{name!r} cannot be a tool's name: use up to 64 letters, digits, _ and -."
        )
    return name
