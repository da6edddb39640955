"""What the model is asked: the request, its messages and their parts.

`requests` makes these from a client's bytes, and providers turn them into their API's form. Nothing
here depends on either form.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Shape: TypeAlias = Literal["ai-sdk-3.4", "ai-sdk-4", "ai-sdk-5", "direct", "prompt"]


class TextPart(msgspec.Struct, frozen=True):
    """Text of any role."""

    text: str


class FilePart(msgspec.Struct, frozen=True):
    """A file of the user, or one that the model made earlier.

    ``url`` is ``data:<media type>;base64,…`` or an ``https`` address, which the provider fetches
    and this server never does.
    """

    media_type: str
    url: str
    filename: str | None = None


class ReasoningPart(msgspec.Struct, frozen=True):
    """The model's earlier reasoning, with the proof that its provider may require."""

    text: str
    signature: str | None = None
    redacted: str | None = None


class ToolCallPart(msgspec.Struct, frozen=True):
    """A call that the model made in an assistant message. ``input`` is JSON."""

    tool_call_id: str
    tool_name: str
    input: Any


class ToolOutputPart(msgspec.Struct, frozen=True):
    """The result of a call, in a message of role ``tool``. ``output`` is JSON.

    ``closed`` marks a result that the client never sent: we add it so that the model's API accepts
    the history.
    """

    tool_call_id: str
    tool_name: str
    output: Any
    is_error: bool = False
    closed: bool = False


Part: TypeAlias = TextPart | FilePart | ReasoningPart | ToolCallPart | ToolOutputPart


class Message(msgspec.Struct, frozen=True):
    """One message to the model.

    ``user``: text and files. ``assistant``: text, reasoning, calls, files. ``tool``: only results,
    directly after the assistant message with their calls. ``system``: text.
    """

    role: Role
    parts: Sequence[Part]


class ApprovalReply(msgspec.Struct, frozen=True):
    """The user's reply to an approval request, from the last message of the history.

    All of it is the client's claim; `tools.approval` checks the id.
    """

    approval_id: str
    approved: bool
    reason: str | None
    call: ToolCallPart


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a chat turn, in whatever shape it came."""

    shape: Shape
    messages: Sequence[Message]
    chat_id: str | None = None
    # The id of the assistant message that ends the history, which this turn continues; "" if the
    # client does not send its ids (AI SDK 3.4 and 4), None if the turn begins a new message.
    continues: str | None = None
    approval_replies: Sequence[ApprovalReply] = ()
    trigger: str | None = None
    # The message that the trigger is about, as AI SDK 5 to 7 name it.
    message_id: str | None = None
    # The user's and the assistant's messages as they were posted: checked, of any shape. What a
    # store has to know of them is in `app.chats.plan`.
    posted: Sequence[Mapping[str, Any]] = ()
    # Whether the client posts its whole history, and not the last message only.
    is_whole: bool = False
    model: str | None = None
    # From the body or the payload; the query string overrides them (see `negotiation.negotiate`).
    protocol: str | None = None
    sdk: str | None = None
    stream: bool = True
    session_id: str | None = None
    user_id: str | None = None
    # Whether anything done with all of it would hold up the event loop for more than an instant.
    is_large: bool = False


class ToolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to run one tool without a chat; ``name`` None means the default tool.

    ``stores_files``: if the response is one object, its reader takes files from a tool result only.
    """

    name: str | None
    args: Mapping[str, Any]
    context: Mapping[str, Any]
    tool_config: Mapping[str, Any]
    protocol: str | None = None
    stream: bool = True
    stores_files: bool = False


class ToolSpec(msgspec.Struct, frozen=True):
    """A tool as the model sees it. ``parameters`` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool = False


class StepRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call to the model."""

    model: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    temperature: float | None = None
    max_output_tokens: int | None = None
    # The name and the JSON schema that the whole answer has to fit (structured output).
    response_schema: tuple[str, Mapping[str, Any]] | None = None
    # As in `ChatRequest`: to be encoded beside the event loop.
    is_large: bool = False
