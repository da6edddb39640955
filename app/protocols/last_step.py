"""Whether an answer could end as it stands, without its client posting it again.

Applications let the hook send tool outputs by itself (`sendAutomaticallyWhen` with
`lastAssistantMessageIsCompleteWithToolCalls`, `maxSteps` in AI SDK 3.4 and 4). The hook then looks
at the message's last step only: calls that all have their answer are a reason to post, even after
an abort, an error (up to 5.0) or the server's own limit of steps, and again at every such end.

Source: vercel/ai, packages/ai/src/ui/last-assistant-message-is-complete-with-tool-calls.ts (AI SDK
5 to 7) and packages/ui-utils/src/should-resubmit-messages.ts (release-v4.3).
"""

from app.events import (
    Event,
    StepStart,
    ToolInputAvailable,
    ToolInputError,
    ToolInputStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)


class LastStep:
    """Watches the tool calls of the latest step."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._of_provider: set[str] = set()
        self._has_answers = False

    @property
    def invites_a_post(self) -> bool:
        """Whether the step has made calls and each of them has its answer.

        What the provider ran on its own side does not count, as for the clients.
        """
        return self._has_answers and not self._open

    def add(self, event: Event) -> None:
        """Take in the next event of the turn."""
        match event:
            case StepStart():
                self._open.clear()
                self._has_answers = False
            case ToolInputStart(call_id, executor="provider") | ToolInputAvailable(
                call_id, executor="provider"
            ):
                self._of_provider.add(call_id)
            case ToolInputStart(call_id) | ToolInputAvailable(call_id):
                self._open.add(call_id)
            case (
                ToolInputError(call_id)
                | ToolOutputAvailable(call_id, preliminary=False)
                | ToolOutputError(call_id)
                | ToolOutputDenied(call_id)
            ) if call_id not in self._of_provider:
                self._open.discard(call_id)
                self._has_answers = True
            case _:
                pass
