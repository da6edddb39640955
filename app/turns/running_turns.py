"""All turns that run in this process: started here, told to stop here, and waited for.

Owned by the app's lifespan. Also the owner of what runs after a turn: the log line and the
application's ``on_finish``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from app.events import Usage
from app.telemetry.log import log_request
from app.telemetry.metrics import TurnMetrics
from app.turns.live_turn import SHUTDOWN, LiveTurn

logger = logging.getLogger("deltaline.turn")

# How long `on_finish` may go on when the server ends, in seconds.
LAST_CALLS_S = 5.0

OnFinish: TypeAlias = Callable[[str | None, dict[str, Any], Usage], Awaitable[None] | None]


class Turns:
    """The running turns.

    Args:
        on_finish: the application's; called with the chat id, the assistant's message (as AI SDK 5
            and later keep it) and the usage, once a turn is over, however it ended.
        metrics: written for every turn, if given.
        last_calls_s: how long that may take when the server ends, in seconds.
    """

    def __init__(
        self,
        on_finish: OnFinish | None = None,
        *,
        metrics: TurnMetrics | None = None,
        last_calls_s: float = LAST_CALLS_S,
    ) -> None:
        self._on_finish = on_finish
        self._metrics = metrics
        self._last_calls_s = last_calls_s
        self._running: set[LiveTurn] = set()
        self._afterwards: set[asyncio.Task[None]] = set()

    @property
    def keeps_transcripts(self) -> bool:
        """Whether each turn has to collect its message."""
        return self._on_finish is not None

    def __len__(self) -> int:
        return len(self._running)

    def add(self, turn: LiveTurn) -> None:
        """Take charge of a turn that has just been made with `ended` as its ``on_end``."""
        self._running.add(turn)

    def ended(self, turn: LiveTurn) -> None:
        """Write the turn's log line and tell the application."""
        self._running.discard(turn)
        log_request(turn.record)
        if self._metrics is not None:
            self._metrics.put(turn.record)
        if self._on_finish is not None and turn.transcript is not None:
            task = asyncio.create_task(self._tell(self._on_finish, turn))
            self._afterwards.add(task)
            task.add_done_callback(self._afterwards.discard)

    def stop_all(self) -> None:
        """End every running turn with the error that says the server is going away."""
        for turn in tuple(self._running):
            turn.stop(SHUTDOWN)

    async def aclose(self) -> None:
        """Cancel what still runs and wait for every ``on_finish``, though not for ever."""
        for turn in tuple(self._running):
            await turn.leave()
        if self._afterwards:
            _, late = await asyncio.wait(tuple(self._afterwards), timeout=self._last_calls_s)
            for task in late:
                logger.error("on_finish did not end in time")
                task.cancel()

    @staticmethod
    async def _tell(on_finish: OnFinish, turn: LiveTurn) -> None:
        transcript = turn.transcript
        assert transcript is not None
        try:
            told = on_finish(turn.record.chat_id, transcript.message(), transcript.usage)
            if told is not None:
                await told
        except Exception:
            # The answer has been given: a failure to store it is the operator's to see.
            logger.exception("on_finish failed")
