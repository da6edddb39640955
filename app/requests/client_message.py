"""The form of a message on the wire, for all clients at once.

One lenient model covers AI SDK 3.4 to 7 and plain OpenAI messages. Their part types differ in name
or in a key, so each part alone tells what it is, and a stored history may mix old and new messages.
Unknown part types and keys are ignored.

Sources: vercel/ai, `packages/ui-utils/src/types.ts` (release-v4.3) and
`packages/ai/src/ui/ui-messages.ts` (release-v5.0, release-v6.0, main), and requests recorded from
the real hooks; OpenAI's chat completions API for `content` lists, `tool_calls` and role `tool`.
"""

from collections.abc import Callable, Collection
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StrictBool,
    Tag,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel

from app.requests.file_url import FileUrl, read_base64, read_url
from app.requests.sentence import LOCATED, located

T = TypeVar("T")

_TOOL_PREFIX = "tool-"


class Lenient(BaseModel):
    """A JSON object of a client: camelCase on the wire, unknown keys ignored."""

    # Building `ClientMessage` builds all its parts; building each of them separately as well would
    # only slow down the start.
    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, defer_build=True)


def _read_by(read: Callable[[str, Collection[str]], T]) -> PlainValidator:
    def validate(value: object, info: ValidationInfo) -> T:
        if not isinstance(value, str):
            raise located("must be a string")
        try:
            return read(value, info.context or ())
        except ValueError as error:
            raise located(str(error)) from None

    return PlainValidator(validate)


# A length limit also refuses lone surrogates, which no id or name needs.
Name: TypeAlias = Annotated[str, Field(max_length=256)]
ToolName: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]
# Some model servers pack state into their call ids.
CallId: TypeAlias = Annotated[str, Field(min_length=1, max_length=16_384)]


class StepStart(Lenient):
    """The parts after this one come from another call to the model."""


class Text(Lenient):
    text: str


class ReasoningDetail(Lenient):
    """AI SDK 4: ``{type: "text", text, signature?}`` or ``{type: "redacted", data}``."""

    text: str | None = None
    signature: str | None = None
    data: str | None = None


class Reasoning(Lenient):
    """AI SDK 5+: ``text`` and ``providerMetadata``; AI SDK 4: ``reasoning`` and ``details``."""

    text: str | None = None
    provider_metadata: Any = None
    reasoning: str | None = None
    details: Annotated[list[ReasoningDetail], Field(fail_fast=True)] | None = None


class File(Lenient):
    """AI SDK 5+: a file of either side."""

    media_type: Name
    url: Annotated[FileUrl, _read_by(read_url)]
    filename: str | None = None


class Attachment(Lenient):
    """AI SDK 3.4 and 4: a file of the user, beside the message's content."""

    content_type: Name | None = None
    url: Annotated[FileUrl, _read_by(read_url)]
    name: str | None = None


class InlineFile(Lenient):
    """AI SDK 4: a file of the model, as base64 without a URL."""

    mime_type: Name
    data: Annotated[FileUrl, _read_by(lambda base64, _: read_base64(base64))]


class ImageLocation(Lenient):
    url: Annotated[FileUrl, _read_by(read_url)]


class Image(Lenient):
    """OpenAI: an image in a user's ``content``."""

    image_url: ImageLocation = Field(alias="image_url")


class Approval(Lenient):
    """An approval request and the user's reply; ``approved`` is absent until there is one."""

    id: Name
    approved: StrictBool | None = None
    reason: str | None = None


class Tool(Lenient):
    """AI SDK 5+: a tool call with its state and result. The type is ``tool-NAME``."""

    type: Name
    tool_call_id: CallId
    state: str
    input: Any = None
    raw_input: Any = None
    output: Any = None
    error_text: str | None = None
    provider_executed: StrictBool | None = None
    approval: Approval | None = None

    @property
    def name(self) -> str:
        return self.type.removeprefix(_TOOL_PREFIX)


class DynamicTool(Tool):
    """AI SDK 5+: a call of a tool for which the client has no part type."""

    tool_name: ToolName

    @property
    def name(self) -> str:
        return self.tool_name


class Invocation(Lenient):
    """AI SDK 3.4 and 4: a tool call.

    In 3.4 the state stays ``call`` when the client adds the result. A result that is undefined is
    absent in JSON.
    """

    tool_call_id: CallId
    tool_name: ToolName
    state: str | None = None
    step: Any = None
    args: Any = None
    result: Any = None

    @property
    def has_result(self) -> bool:
        return self.state == "result" or "result" in self.model_fields_set


class ToolInvocation(Lenient):
    """AI SDK 4: an invocation as a part."""

    tool_invocation: Invocation


class FunctionCall(Lenient):
    name: ToolName
    arguments: str = ""


class ToolCall(Lenient):
    """OpenAI: a tool call in an assistant message; a message of role ``tool`` has the result."""

    id: CallId
    function: FunctionCall


# pydantic puts a union's tag into the place of an error; `sentence` skips tags that begin with "<".
def _tag_part(part: object) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str):
        return None
    match kind:
        case "text" | "reasoning" | "step-start" | "image_url" | "dynamic-tool":
            return f"<{kind}>"
        case "file":
            return "<file>" if "url" in part or "mediaType" in part else "<inline-file>"
        case "tool-invocation" if "toolInvocation" in part:
            return "<tool-invocation>"
        # Without a state, the type could be another library's "tool-call" or "tool-result".
        case _ if kind.startswith(_TOOL_PREFIX) and kind != _TOOL_PREFIX and "state" in part:
            return "<tool>"
    return "<ignored>"


def _tag_content(content: object) -> str | None:
    if isinstance(content, str):
        return "<string>"
    return "<list>" if isinstance(content, list) else None


Part: TypeAlias = Annotated[
    Annotated[Text, Tag("<text>")]
    | Annotated[Reasoning, Tag("<reasoning>")]
    | Annotated[StepStart, Tag("<step-start>")]
    | Annotated[File, Tag("<file>")]
    | Annotated[InlineFile, Tag("<inline-file>")]
    | Annotated[Image, Tag("<image_url>")]
    | Annotated[Tool, Tag("<tool>")]
    | Annotated[DynamicTool, Tag("<dynamic-tool>")]
    | Annotated[ToolInvocation, Tag("<tool-invocation>")]
    | Annotated[dict[str, Any], Tag("<ignored>")],
    Discriminator(
        _tag_part,
        custom_error_type=LOCATED,
        custom_error_message="must be an object with a type",
    ),
]
Parts: TypeAlias = Annotated[list[Part], Field(fail_fast=True)]
Content: TypeAlias = Annotated[
    Annotated[str, Tag("<string>")] | Annotated[Parts, Tag("<list>")],
    Discriminator(
        _tag_content,
        custom_error_type=LOCATED,
        custom_error_message="must be a string or a list of parts",
    ),
]


class ClientMessage(Lenient):
    """One message of a client. The context of its validation: the hosts that `read_url` allows.

    AI SDK 5+: ``parts``. AI SDK 4: ``content``, ``parts`` and attachments. AI SDK 3.4: ``content``,
    attachments and tool invocations. OpenAI: ``content`` as a string or a list, ``tool_calls``.
    """

    model_config = ConfigDict(defer_build=False)

    role: Literal["user", "assistant", "system", "developer", "tool", "data", "function"]
    id: Name | None = None
    parts: Parts | None = None
    content: Content | None = None
    attachments: Annotated[list[Attachment], Field(fail_fast=True)] | None = Field(
        None, alias="experimental_attachments"
    )
    tool_invocations: Annotated[list[Invocation], Field(fail_fast=True)] | None = None
    tool_calls: Annotated[list[ToolCall], Field(fail_fast=True)] | None = Field(
        None, alias="tool_calls"
    )
    tool_call_id: CallId | None = Field(None, alias="tool_call_id")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.role == "user" and self.parts is self.content is None and not self.attachments:
            raise located("has neither parts nor content")
        return self
