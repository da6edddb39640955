"""The conversation in a request of either API, as scenarios read it. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class ReceivedFile(msgspec.Struct, frozen=True):
    """A file in the user's last message. ``size`` is in bytes, or None if only an address came."""

    media_type: str
    size: int | None
    name: str | None = None


class OfferedTool(msgspec.Struct, frozen=True):
    """A function tool that the request offers."""

    name: str
    parameters: Mapping[str, Any]


class FinishedCall(msgspec.Struct, frozen=True):
    """A tool call of the model, with the output that the client sent for it."""

    tool_name: str
    arguments: str
    output: str


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A request, reduced to what scenarios depend on.

    Attributes:
        user_texts: every text of the user, oldest first.
        files: the files sent with the last of these texts.
        rounds: the calls after that text, one group per step of the model.
        tools: the tools on offer, by name.
        schema: the JSON schema that the completion has to fit.
        max_tokens: the completion's limit, in tokens.
        prompt_tokens: the size of the request, in tokens, counted roughly.
        attempt: how often this same request has been received; 1 the first time.
    """

    model: str
    user_texts: Sequence[str]
    files: Sequence[ReceivedFile] = ()
    rounds: Sequence[Sequence[FinishedCall]] = ()
    tools: Mapping[str, OfferedTool] = {}
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    prompt_tokens: int = 0
    attempt: int = 1

    @property
    def last_text(self) -> str:
        """The last text of the user, or an empty string."""
        return self.user_texts[-1] if self.user_texts else ""
