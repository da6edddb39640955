"""The form of a message on the wire, for all clients at once.

One form covers AI SDK 3.4 to 7 and plain OpenAI messages. Their part types differ in name or in a
key, so each part alone tells what it is, and a stored history may mix old and new messages.
`app.requests.message_reader` reads it.

Sources: vercel/ai, `packages/ui-utils/src/types.ts` (release-v4.3) and
`packages/ai/src/ui/ui-messages.ts` (release-v5.0, release-v6.0, main), and requests recorded from
the real hooks; OpenAI's chat completions API for `content` lists, `tool_calls` and role `tool`.
"""

from typing import Any, Literal, TypeAlias

import msgspec

from app.requests.file_url import FileUrl

Role: TypeAlias = Literal["user", "assistant", "system", "developer", "tool", "data", "function"]


class StepStart(msgspec.Struct, frozen=True):
    """The parts after this one come from another call to the model."""


class Text(msgspec.Struct, frozen=True):
    text: str


class ReasoningDetail(msgspec.Struct, frozen=True):
    """AI SDK 4: ``{type: "text", text, signature?}`` or ``{type: "redacted", data}``."""

    text: str | None
    signature: str | None
    data: str | None


class Reasoning(msgspec.Struct, frozen=True):
    """AI SDK 5+: ``text`` and ``providerMetadata``; AI SDK 4: ``reasoning`` and ``details``."""

    text: str | None
    provider_metadata: Any
    reasoning: str | None
    details: list[ReasoningDetail] | None


class File(msgspec.Struct, frozen=True):
    """AI SDK 5+: a file of either side."""

    media_type: str
    url: FileUrl
    filename: str | None


class Attachment(msgspec.Struct, frozen=True):
    """AI SDK 3.4 and 4: a file of the user, beside the message's content."""

    content_type: str | None
    url: FileUrl
    name: str | None


class InlineFile(msgspec.Struct, frozen=True):
    """AI SDK 4: a file of the model, as base64 without a URL."""

    mime_type: str
    data: FileUrl


class Image(msgspec.Struct, frozen=True):
    """OpenAI: an image in a user's ``content``."""

    url: FileUrl


class Approval(msgspec.Struct, frozen=True):
    """An approval request and the user's reply; ``approved`` is None until there is one."""

    id: str
    approved: bool | None
    reason: str | None


class Tool(msgspec.Struct, frozen=True):
    """AI SDK 5+: a tool call with its state and result. The type is ``tool-NAME``."""

    tool_call_id: str
    state: str
    input: Any
    raw_input: Any
    output: Any
    error_text: str | None
    provider_executed: bool | None
    approval: Approval | None
    name: str


class DynamicTool(Tool, frozen=True):
    """AI SDK 5+: a call of a tool for which the client has no part type."""


class Invocation(msgspec.Struct, frozen=True):
    """AI SDK 3.4 and 4: a tool call.

    In 3.4 the state stays ``call`` when the client adds the result. A result that is undefined is
    absent in JSON.
    """

    tool_call_id: str
    tool_name: str
    state: str | None
    step: Any
    args: Any
    result: Any
    has_result: bool


class ToolInvocation(msgspec.Struct, frozen=True):
    """AI SDK 4: an invocation as a part."""

    tool_invocation: Invocation


class ToolCall(msgspec.Struct, frozen=True):
    """OpenAI: a tool call in an assistant message; a message of role ``tool`` has the result."""

    id: str
    name: str
    arguments: str


# A part of a type that is unknown stays as it is.
Part: TypeAlias = (
    Text
    | Reasoning
    | StepStart
    | File
    | InlineFile
    | Image
    | Tool
    | DynamicTool
    | ToolInvocation
    | dict[str, Any]
)


class ClientMessage(msgspec.Struct, frozen=True):
    """One message of a client.

    AI SDK 5+: ``parts``. AI SDK 4: ``content``, ``parts`` and attachments. AI SDK 3.4: ``content``,
    attachments and tool invocations. OpenAI: ``content`` as a string or a list, ``tool_calls``.
    """

    role: Role
    id: str | None = None
    parts: list[Part] | None = None
    content: str | list[Part] | None = None
    attachments: list[Attachment] | None = None
    tool_invocations: list[Invocation] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
