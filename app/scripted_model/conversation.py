"""What a scenario looks at: a request of either API, reduced to what was said. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class ReceivedFile(msgspec.Struct, frozen=True):
    """A file in the user's last message. ``size`` is in bytes; None for an address."""

    media_type: str
    size: int | None
    name: str | None = None


class OfferedTool(msgspec.Struct, frozen=True):
    """A function tool that the request offers."""

    name: str
    parameters: Mapping[str, Any]


class AnsweredCall(msgspec.Struct, frozen=True):
    """A call of the model, with the output that the client sent for it."""

    tool_name: str
    arguments: str
    output: str


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """The request, as a scenario sees it.

    Attributes:
        user_texts: every text of the user, oldest first.
        files: what came with the last of them.
        rounds: the calls since then, one group for each step of the model.
        tools: what the model may call, by name.
        schema: the JSON schema that the answer has to fit.
        max_tokens: most tokens that the answer may have.
        prompt_tokens: how many tokens the request has, counted roughly.
        attempt: how often this very request has come, 1 for the first time.
    """

    model: str
    user_texts: Sequence[str]
    files: Sequence[ReceivedFile] = ()
    rounds: Sequence[Sequence[AnsweredCall]] = ()
    tools: Mapping[str, OfferedTool] = {}
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    prompt_tokens: int = 0
    attempt: int = 1

    @property
    def last_text(self) -> str:
        """What the user said last, or nothing."""
        return self.user_texts[-1] if self.user_texts else ""
