"""What the bodies of both APIs make of a message's parts in the same way."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from app.messages import FilePart, Part, TextPart, ToolCallPart, ToolOutputPart
from app.protocols.model_output import model_output
from app.providers.openai.request_json import to_json

JsonObject: TypeAlias = dict[str, Any]


def joined_text(parts: Sequence[Part], separator: str = "\n") -> str:
    """Return the text parts as one string; the other parts are left out."""
    return separator.join(part.text for part in parts if isinstance(part, TextPart))


def user_content(
    parts: Sequence[Part],
    text_type: str,
    file_content: Callable[[FilePart], JsonObject],
) -> str | list[JsonObject]:
    """Return the content of a user's message: a list only if there are files.

    Args:
        text_type: the API's ``type`` of a text in the list.
        file_content: makes the API's form of a file.
    """
    if not any(isinstance(part, FilePart) for part in parts):
        return joined_text(parts)  # every server knows a plain string
    content: list[JsonObject] = []
    for part in parts:
        if isinstance(part, TextPart):
            content.append({"type": text_type, "text": part.text})
        elif isinstance(part, FilePart):
            content.append(file_content(part))
    return content


def filename_of(part: FilePart) -> str:
    """Return a name for the file: both APIs require one and tell its kind by the ending."""
    return part.filename or f"file.{part.media_type.rpartition('/')[2]}"


def arguments_of(part: ToolCallPart) -> str:
    """Return the arguments of a call as JSON text."""
    return to_json(part.input).decode()


def output_of(part: ToolOutputPart) -> str:
    """Return the output of a call as text: a string as it is, any other value as JSON."""
    if isinstance(part.output, str):
        return part.output
    return to_json(model_output(part.output)).decode()
