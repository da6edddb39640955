"""Errors in defining and calling tools, and the rule for a tool's name."""

import re

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class ToolDefinitionError(TypeError):
    """A tool cannot be defined like this; the message says what to change."""


class InvalidToolInput(ValueError):
    """The input of a call does not fit the tool's schema. The message is for the model."""


class ToolError(Exception):
    """Raised by a tool to tell the user and the model what went wrong.

    The text of any other exception may hold secrets, so it is masked as "An error occurred.".

    Args:
        message: one sentence, which the user may read.
        code: for programs that read a tool stream.
    """

    def __init__(self, message: str, *, code: str = "EXECUTION_ERROR") -> None:
        super().__init__(message)
        self.message = str(message)  # tools pass exceptions too
        self.code = code


def check_name(name: str) -> str:
    """Return ``name`` if OpenAI's API accepts it as a tool's name.

    Raises:
        ToolDefinitionError: the API does not accept it.
    """
    if _NAME.fullmatch(name) is None:
        raise ToolDefinitionError(
            f"{name!r} cannot be a tool's name: use up to 64 letters, digits, _ and -."
        )
    return name
