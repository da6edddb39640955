"""What a tool can find out about its call, and report while it works."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from app.tools.result import OutputLimits
from app.tools.tool_threads import ToolThreads
from app.tracing import NO_TRACE, Trace


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of one turn have in common. A single tool run has a scene of its own.

    Attributes:
        owner: who asks; ``""`` where nobody is asked who he is. Approvals are bound to it.
        config: the configuration that `ToolContext.get_config` reads.
        state: a dict that all calls of the turn share; empty when the turn starts.
        deadline: when all calls have to be over, on the clock of `time.monotonic` (which is also
            that of asyncio's loops).
        approval_ids: tool call id → approval id, for the calls that the user approved.
        threads: in which plain functions run; `None`: one more for each call.
        trace: what the calls are part of.
        limits: how large the output of a call may be.
    """

    owner: str = ""
    chat_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    config: Mapping[str, Any] = {}
    state: dict[str, Any] = msgspec.field(default_factory=dict)
    deadline: float | None = None
    approval_ids: Mapping[str, str] = {}
    threads: ToolThreads | None = None
    trace: Trace = NO_TRACE
    limits: OutputLimits = OutputLimits()


class ToolContext:
    """Passed to a tool as its parameter of this type, or the one named ``ctx`` or ``context``.

    Args:
        tool_call_id: the model's name for the call.
        scene: what the calls of the turn have in common.
        report: receives each status, in any thread; returns whether the call is still running.
        deadline: when the call has to be over, on the clock of `time.monotonic`.

    Attributes:
        tool_call_id: the model's name for this call.
        owner: who asks; ``""`` where nobody is asked who he is.
        chat_id, session_id: as the client sent them, unverified.
        user_id: the owner; as the client sent it where nobody is asked who he is.
        state: a dict that the tool calls of one turn share. Calls of one step run side by side.
        config: the configuration that `get_config` reads.
        approval_id: set if the user approved this call; use it as an idempotency key.
        threads: in which a plain function runs; not for tools themselves.
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
        self.owner = scene.owner
        self.chat_id = scene.chat_id
        self.session_id = scene.session_id
        self.user_id = scene.user_id
        self.state = scene.state
        self.approval_id = scene.approval_ids.get(tool_call_id)
        self.config = scene.config
        self.threads = scene.threads
        self._report = report
        self._deadline = deadline

    @property
    def deadline(self) -> float | None:
        """Seconds until the call is cancelled, ``None`` if it may take any time."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def send_status(self, message: str) -> bool:
        """Show the user a line of progress, live. May be called in any thread.

        Returns:
            ``False`` once the call is over or cancelled. A thread cannot be stopped from outside,
            so a tool in a thread should then return. ``True`` means that the call is still running,
            not that the status is shown: a slow client may miss some.
        """
        return self._report(str(message))  # any other object would break the client's stream

    def get_config(self, key: str, default: Any = None) -> Any:
        """Return a value of the tool's configuration, or ``default``."""
        return self.config.get(key, default)
