"""What a tool may know about the call that it answers, and say while it works."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one turn (or the one call of a tool run) have in common.

    Attributes:
        config: what `ToolContext.get_config` reads.
        state: shared by all calls of the turn, empty at its start.
        deadline: `time.monotonic` at which everything has to be over, which is also the clock of
            asyncio's loops.
        approval_ids: of the calls that the user approved, by tool call id.
    """

    chat_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    config: Mapping[str, Any] = {}
    state: dict[str, Any] = msgspec.field(default_factory=dict)
    deadline: float | None = None
    approval_ids: Mapping[str, str] = {}


class ToolContext:
    """Given to a tool that has a parameter of this type, or one named ``ctx`` or ``context``.

    Args:
        tool_call_id: of the call.
        scene: the turn.
        report: takes a status; returns whether the call still runs. May be called in any thread.
        deadline: `time.monotonic` at which the call has to be over.

    Attributes:
        tool_call_id: the model's name for this call.
        chat_id, session_id, user_id: as the client gave them, unverified.
        state: a dict shared by the tool calls of one turn. Calls of one step run side by side.
        config: what `get_config` reads.
        approval_id: set if the user approved this call; use it as idempotency key.
    """

    def __init__(
        self,
        tool_call_id: str = "",
        scene: Scene | None = None,
        *,
        report: Callable[[str], bool] = lambda message: True,
        deadline: float | None = None,
    ) -> None:
        scene = Scene() if scene is None else scene
        self.tool_call_id = tool_call_id
        self.chat_id = scene.chat_id
        self.session_id = scene.session_id
        self.user_id = scene.user_id
        self.state = scene.state
        self.approval_id = scene.approval_ids.get(tool_call_id)
        self.config = scene.config
        self._report = report
        self._deadline = deadline

    @property
    def deadline(self) -> float | None:
        """Seconds left before the call is cut off, ``None`` if it may take any time."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def send_status(self, message: str) -> bool:
        """Show the user a line of progress, live. Works in async code and in threads.

        Returns:
            ``False`` once the call is over or cancelled: for a thread, which nobody can stop from
            outside, the sign to give up. ``True`` says that the call still runs, not that the
            status is seen: of very many, a slow client is shown only some.
        """
        return self._report(str(message))  # an object would break the client's stream

    def get_config(self, key: str, default: Any = None) -> Any:
        """Return a value of the tool's configuration."""
        return self.config.get(key, default)
