"""Whether the answer could end here without its client posting it again.

Applications let the hook post tool results by itself (`sendAutomaticallyWhen` with
`lastAssistantMessageIsCompleteWithToolCalls`, `maxSteps` in AI SDK 3.4 and 4). The hook then looks
at the message's last step only. If that step has calls and all of them are settled, the hook posts,
even after an abort, an error (up to 5.0) or the server's own limit of steps. If the new answer ends
the same way, it posts once more.

Source: vercel/ai, packages/ai/src/ui/last-assistant-message-is-complete-with-tool-calls.ts (AI SDK
5 to 7) and packages/ui-utils/src/should-resubmit-messages.ts (release-v4.3).
"""

from typing import assert_never

from app.events import (
    Abort,
    Data,
    Error,
    Event,
    File,
    Finish,
    Metadata,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    Start,
    Status,
    StepEnd,
    StepStart,
    TextDelta,
    ToolApprovalRequest,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)


class LastStep:
    """Watches the tool calls of the latest step.

    Args:
        continues: whether the turn continues a message. Until its first step, the last one is the
            message's, whose calls the client has just settled.
    """

    __slots__ = ("_has_results", "_open")

    def __init__(self, *, continues: bool = False) -> None:
        self._open: set[str] | None = None  # no step has had a call
        self._has_results = continues

    @property
    def invites_a_post(self) -> bool:
        """Whether the step has calls and all of them are settled."""
        return self._has_results and not self._open

    def add(self, event: Event) -> None:
        """Take in the next event of the turn.

        Leave out the calls that the provider runs: clients do not count them either.
        """
        match event:
            case Start() | StepEnd() | Finish():
                pass  # every answer has them
            case StepStart():
                self._open = None
                self._has_results = False
            case ToolInputStart(call_id) | ToolInputAvailable(call_id):
                if self._open is None:
                    self._open = set()
                self._open.add(call_id)
            case (
                ToolInputError(call_id)
                | ToolOutputAvailable(call_id, preliminary=False)
                | ToolOutputError(call_id)
                | ToolOutputDenied(call_id)
            ):
                if self._open is not None:
                    self._open.discard(call_id)
                self._has_results = True
            case (
                # Text never comes here (see `Framer`), so these are the most common.
                (ReasoningDelta() | ToolInputDelta() | TextDelta())
                # The call stays open.
                | (ToolOutputAvailable() | ToolApprovalRequest())
                # These are nothing to the calls of a step.
                | (ReasoningSignature() | ReasoningRedacted())
                | (Status() | Source() | File() | Data() | Metadata())
                | (Abort() | Error())
            ):
                pass
            case _:
                assert_never(event)
