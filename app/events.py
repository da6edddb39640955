"""The events of one assistant turn, in the order they happen.

Providers and tools produce events, encoders turn them into bytes, nothing here does I/O. Which
event may follow which is in `app/grammar.py`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, final

import msgspec

FinishReason: TypeAlias = Literal[
    "stop", "length", "tool-calls", "content-filter", "error", "other"
]
Executor: TypeAlias = Literal["server", "client", "provider"]


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Token counts as the provider reported them, of a step or of a turn; None: not reported.

    The usage of a turn is the sum of its steps' usage. In a sum an unknown count adds nothing, and
    is unknown only if no step reported it.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_input_tokens: int | None = None

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            _add(self.input_tokens, other.input_tokens),
            _add(self.output_tokens, other.output_tokens),
            _add(self.reasoning_tokens, other.reasoning_tokens),
            _add(self.cached_input_tokens, other.cached_input_tokens),
        )

    def counted(self) -> dict[str, int]:
        """Return the known counts under the names that the AI SDK uses."""
        names = {
            "inputTokens": self.input_tokens,
            "outputTokens": self.output_tokens,
            "totalTokens": _add(self.input_tokens, self.output_tokens),
            "reasoningTokens": self.reasoning_tokens,
            "cachedInputTokens": self.cached_input_tokens,
        }
        return {name: count for name, count in names.items() if count is not None}


def _add(left: int | None, right: int | None) -> int | None:
    if left is None:
        return right
    return left if right is None else left + right


class Start(msgspec.Struct, frozen=True, gc=False):
    """The assistant's message begins.

    All steps share ``message_id``. A turn that continues a message has that message's id.
    """

    message_id: str
    metadata: Mapping[str, Any] | None = None


class StepStart(msgspec.Struct, frozen=True, gc=False):
    """A step begins: the headers of the model's response are in."""


@final  # so that `type(event) is TextDelta`, which is quick, tells the others from it
class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the answer. The pieces, joined in order, are the whole text.

    ``text`` is never empty and may split a grapheme, never a code point. It may hold a lone
    surrogate, since a model's JSON may.
    """

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the reasoning that the model shows. Never empty."""

    text: str


class ReasoningSignature(msgspec.Struct, frozen=True, gc=False):
    """The provider's proof of the reasoning before it. The history must bring it back unchanged."""

    signature: str


class ReasoningRedacted(msgspec.Struct, frozen=True, gc=False):
    """Reasoning that the provider sends in encrypted form only."""

    data: str


class ToolInputStart(msgspec.Struct, frozen=True, gc=False):
    """The model begins to write the arguments of a tool call.

    ``executor`` is ``provider`` if the model's provider runs the tool. Whether the server or the
    client runs any other call is known only when the call is whole.
    """

    tool_call_id: str
    tool_name: str
    executor: Executor = "server"


class ToolInputDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the arguments' JSON text, as the model writes it."""

    tool_call_id: str
    text: str


class ToolInputAvailable(msgspec.Struct, frozen=True, gc=False):
    """The whole call. ``input`` is JSON, an object for every tool that the server or client runs.

    ``executor`` says who runs the tool: ``server`` (within this turn), ``client`` (its result comes
    with the next request) or ``provider`` (the model's provider, for example its web search).
    """

    tool_call_id: str
    tool_name: str
    input: Any
    executor: Executor = "server"


class ToolInputError(msgspec.Struct, frozen=True, gc=False):
    """The model's arguments cannot be used, so the call has failed. It gets no other result.

    ``input`` is what the model wrote: the parsed JSON if it can be parsed, else the text.
    """

    tool_call_id: str
    tool_name: str
    input: Any
    message: str


class ToolApprovalRequest(msgspec.Struct, frozen=True, gc=False):
    """The user is asked whether the call may run. The reply comes with the next request."""

    approval_id: str
    tool_call_id: str


class ToolOutputAvailable(msgspec.Struct, frozen=True, gc=False):
    """The tool's output, JSON. A ``preliminary`` output is replaced by the next one."""

    tool_call_id: str
    output: Any
    preliminary: bool = False


class ToolOutputError(msgspec.Struct, frozen=True, gc=False):
    """The tool failed. ``message`` may be shown to the user: secrets are already masked."""

    tool_call_id: str
    message: str


class ToolOutputDenied(msgspec.Struct, frozen=True, gc=False):
    """The user refused the call."""

    tool_call_id: str


class Status(msgspec.Struct, frozen=True, gc=False):
    """A line of progress for the user, of one tool call or (``None``) of the turn."""

    message: str
    tool_call_id: str | None = None


class Source(msgspec.Struct, frozen=True, gc=False):
    """What the answer cites: a page (``url``) or a document (``media_type``, ``title``)."""

    source_id: str
    url: str | None = None
    title: str | None = None
    media_type: str | None = None
    filename: str | None = None


class File(msgspec.Struct, frozen=True, gc=False):
    """A file that the model made. ``url`` is a base64 ``data:`` URL or an ``https:`` URL."""

    media_type: str
    url: str


class Data(msgspec.Struct, frozen=True, gc=False):
    """A value of the application.

    It replaces an earlier value with the same ``id``. A ``transient`` value is never stored.
    """

    name: str
    data: Any
    id: str | None = None
    transient: bool = False


class Metadata(msgspec.Struct, frozen=True, gc=False):
    """Facts about the message (model, timings …). Clients merge objects inside objects, too."""

    value: Mapping[str, Any]


class StepEnd(msgspec.Struct, frozen=True, gc=False):
    """A step ended: the call to the model, and every tool call of it that this turn settles.

    ``usage`` is this step's alone.
    """

    finish_reason: FinishReason
    usage: Usage = Usage()


class Finish(msgspec.Struct, frozen=True, gc=False):
    """The turn ended as it should. ``usage`` is the whole turn's, the sum over its steps."""

    finish_reason: FinishReason
    usage: Usage = Usage()
    metadata: Mapping[str, Any] | None = None


class Abort(msgspec.Struct, frozen=True, gc=False):
    """The turn was stopped on purpose."""

    reason: str | None = None


class Error(msgspec.Struct, frozen=True, gc=False):
    """The turn failed. ``message`` is for the user, ``code`` for programs."""

    code: str
    message: str


Terminal: TypeAlias = Finish | Abort | Error
Annotation: TypeAlias = Status | Source | File | Data | Metadata
CallEvent: TypeAlias = (
    ToolInputStart
    | ToolInputDelta
    | ToolInputAvailable
    | ToolInputError
    | ToolApprovalRequest
    | ToolOutputAvailable
    | ToolOutputError
    | ToolOutputDenied
)
Event: TypeAlias = (
    Start
    | StepStart
    | TextDelta
    | ReasoningDelta
    | ReasoningSignature
    | ReasoningRedacted
    | CallEvent
    | Annotation
    | StepEnd
    | Terminal
)

# Takes the events of one network read, or of one report of a tool, and returns once they are sent.
Emit: TypeAlias = Callable[[Sequence[Event]], Awaitable[None]]
