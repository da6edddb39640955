"""The history that a client posts → the messages for the model's API.

The API is stricter than the clients: every call needs a result directly after it. So each step of
an answer becomes one assistant message and one tool message. A call without a result (the turn was
stopped, a client tool never ran, the user never replied) gets a result that says so. Calls that the
provider ran are left out: they cannot be replayed as calls of ours, and the text after them tells
what they gave.

Source: vercel/ai, `convertToCoreMessages` (release-v4.3) and `convertToModelMessages`
(release-v5.0, release-v6.0, main); where they throw or leave a call open, we close it.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TypeAlias

import msgspec

from app.messages import ApprovalReply, FilePart, Message, ReasoningPart, TextPart
from app.requests.client_message import (
    ClientMessage,
    File,
    Image,
    InlineFile,
    Part,
    Reasoning,
    StepStart,
    Text,
    Tool,
    ToolInvocation,
)
from app.requests.file_url import file_part
from app.requests.past_call import PastCall, invocation_call, openai_call, tool_call

_Content: TypeAlias = TextPart | FilePart | ReasoningPart
_Item: TypeAlias = _Content | PastCall | StepStart
_Step: TypeAlias = list[_Content | PastCall]


class History(msgspec.Struct, frozen=True):
    """A history as the model gets it; the fields are those of `ChatRequest`."""

    messages: Sequence[Message]
    continues: str | None
    approvals: Sequence[ApprovalReply]


def read_history(posted: Sequence[ClientMessage], *, allow_client_system: bool) -> History:
    """Return the history as the model gets it.

    ``approvals`` are the replies in the history's last step. Only their calls have no result in
    ``messages``: the turn will give it. Roles ``data`` and ``function`` are ignored, and so are
    system messages unless ``allow_client_system``.
    """
    spoken = [message for message in posted if _is_spoken(message, allow_client_system)]
    messages: list[Message] = []
    continues: str | None = None
    approvals: Sequence[ApprovalReply] = ()
    for index, message in enumerate(spoken):
        match message.role:
            case "user":
                messages.append(Message("user", _user_parts(message)))
            case "assistant":
                steps = _split(_assistant_items(spoken, index))
                if index == len(spoken) - 1:
                    continues = message.id or ""
                    approvals = _approvals(steps[-1:])
                for step in steps:
                    messages += _replay(step, is_open=bool(approvals) and step is steps[-1])
            case "tool":
                pass  # read together with the calls whose results it holds
            case _:
                messages.append(Message("system", [TextPart(_text(message))]))
    return History(messages, continues, approvals)


def _is_spoken(message: ClientMessage, allow_client_system: bool) -> bool:
    match message.role:
        case "user" | "assistant" | "tool":
            return True
        case "system" | "developer":
            return allow_client_system
        case _:
            return False


def _user_parts(message: ClientMessage) -> Sequence[TextPart | FilePart]:
    parts = [item for item in _said(message) if isinstance(item, TextPart | FilePart)]
    parts += [
        file_part(attachment.url, attachment.content_type or "", attachment.name)
        for attachment in message.attachments or ()
    ]
    return parts or [TextPart("")]


def _text(message: ClientMessage) -> str:
    return "".join(item.text for item in _said(message) if isinstance(item, TextPart))


def _assistant_items(spoken: Sequence[ClientMessage], index: int) -> Sequence[_Item]:
    message = spoken[index]
    said = _said(message)
    if message.parts:
        return said
    following = spoken[index + 1] if index + 1 < len(spoken) else None
    calls = [call for part in message.tool_invocations or () if (call := invocation_call(part))]
    if message.tool_calls:
        rest = (spoken[after] for after in range(index + 1, len(spoken)))
        results = takewhile(lambda other: other.role == "tool", rest)
        outputs = {result.tool_call_id: _text(result) for result in results}
        calls += [openai_call(part, outputs.get(part.id)) for part in message.tool_calls]
    # Nothing tells whether the text came before or after the calls. AI SDK 4.0 joins all steps of a
    # turn: the text is mostly what the model said last, and the user's message follows. AI SDK 3.4
    # makes each step a message: what the model said last follows, and this text came first.
    if message.tool_invocations and following is not None and following.role == "user":
        return [*calls, *said]
    return [*said, *calls]


def _said(message: ClientMessage) -> list[_Item]:
    """Return a message's parts in order, or else its ``content``.

    AI SDK 4 sends both; ``content`` repeats the text of the parts.
    """
    content = message.parts or message.content or ()
    if isinstance(content, str):
        return [TextPart(content)]
    return [item for part in content for item in _items(part)]


def _items(part: Part) -> Sequence[_Item]:
    match part:
        case Text(text=text):
            return [TextPart(text)] if text else []
        case Reasoning():
            return _reasoning(part)
        case File():
            return [file_part(part.url, part.media_type, part.filename)]
        case InlineFile():
            return [file_part(part.data, part.mime_type, None)]
        case Image():
            return [file_part(part.url, "image/*", None)]
        case StepStart():
            return [part]
        case Tool():
            call = tool_call(part)
        case ToolInvocation():
            call = invocation_call(part.tool_invocation)
        case _:
            return []  # sources, data parts, and anything that later clients may send
    return [call] if call else []


def _reasoning(part: Reasoning) -> Sequence[ReasoningPart]:
    if part.details:
        proved = [ReasoningPart(one.text or "", one.signature, one.data) for one in part.details]
    else:
        signature = _proof(part.provider_metadata, "signature")
        redacted = _proof(part.provider_metadata, "redactedData")
        proved = [ReasoningPart(part.text or part.reasoning or "", signature, redacted)]
    return [one for one in proved if one.text or one.signature or one.redacted]


def _proof(provider_metadata: object, key: str) -> str | None:
    """Return the first ``key`` in ``{provider: {key: …}}``, whatever the provider's name."""
    if isinstance(provider_metadata, dict):
        for metadata in provider_metadata.values():
            proof = metadata.get(key) if isinstance(metadata, dict) else None
            if isinstance(proof, str):
                return proof
    return None


def _split(items: Sequence[_Item]) -> list[_Step]:
    """Group the items by the call to the model that they came from.

    A step begins at each `StepStart` (AI SDK 4 and later). In a message without any, a step begins
    when something else follows a tool call. The step numbers of AI SDK 3.4 and 4 always count.
    """
    is_marked = any(isinstance(item, StepStart) for item in items)
    steps: list[_Step] = [[]]
    last_call: PastCall | None = None
    for item in items:
        if isinstance(item, StepStart):
            begins = True
        elif last_call is None:
            begins = False
        elif isinstance(item, PastCall):
            begins = item.step != last_call.step
        else:
            begins = not is_marked
        if begins:
            steps.append([])
            last_call = None
        if not isinstance(item, StepStart):
            steps[-1].append(item)
        if isinstance(item, PastCall):
            last_call = item
    return [step for step in steps if step]


def _approvals(steps: Sequence[_Step]) -> Sequence[ApprovalReply]:
    calls = [item for step in steps for item in step if isinstance(item, PastCall)]
    return tuple(call.approval for call in calls if call.approval)


def _replay(step: _Step, *, is_open: bool) -> Iterator[Message]:
    """Yield a step as the API requires it. ``is_open``: the turn will settle approved calls."""
    yield Message("assistant", [item.call if isinstance(item, PastCall) else item for item in step])
    calls = [item for item in step if isinstance(item, PastCall)]
    results = [call.result for call in calls if not (is_open and call.approval)]
    if results:
        yield Message("tool", results)
