"""All turns that run in this process: they are started, stopped and awaited here.

So are tools that run on their own, without a turn, as far as places and the end of the server go.
Owned by the app's lifespan. When a turn is over, its observers (log, metrics) and the application's
``on_finish`` and ``on_turn`` are called from here.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, TypeAlias

from app.events import Error, Usage
from app.turns.afterwards import LAST_CALLS_S, Afterwards
from app.turns.errors import SHUTDOWN
from app.turns.live_turn import LiveTurn
from app.turns.outcome import TurnLabels, TurnObserver, TurnOutcome
from app.turns.places import Places

# How long a turn without a client may take to end when the server does, in seconds.
_LAST_EVENTS_S = 1.0

OnFinish: TypeAlias = Callable[[str | None, dict[str, Any], Usage], Awaitable[None] | None]
OnTurn: TypeAlias = Callable[[TurnLabels, TurnOutcome], Awaitable[None] | None]


class RunningTurns:
    """The running turns.

    Args:
        on_finish: called with the chat id, the assistant's message (as AI SDK 5 and later keep it)
            and the usage when a turn is over, however it ended.
        places: how many turns may run; no limit if not given.
        observers: called with the labels and the outcome of every turn that is over.
        on_turn: as an observer, but the application's own.
        last_calls_s: as for `Afterwards`.
    """

    def __init__(
        self,
        on_finish: OnFinish | None = None,
        *,
        places: Places | None = None,
        observers: Sequence[TurnObserver] = (),
        on_turn: OnTurn | None = None,
        last_calls_s: float = LAST_CALLS_S,
    ) -> None:
        self._on_finish = on_finish
        self._on_turn = on_turn
        self._places = Places(sys.maxsize) if places is None else places
        self._observers = observers
        self._afterwards = Afterwards(last_calls_s=last_calls_s)
        self._on_stop: list[Callable[[], None]] = []
        self._is_stopping = False
        self._running: set[LiveTurn] = set()
        self._tool_runs: set[asyncio.Future[Error]] = set()

    @property
    def keeps_transcripts(self) -> bool:
        """Whether each turn has to collect its message."""
        return self._on_finish is not None

    def __len__(self) -> int:
        return len(self._running)

    def check(self) -> None:
        """Do nothing if there is room for a turn.

        Raises:
            TooManyTurns: there is none.
        """
        self._places.check()

    def start(self, turn: LiveTurn) -> None:
        """Start ``turn``: when this returns, it runs and is accounted for.

        One that comes after `stop_all`, because the store has let it wait, ends at once.

        Raises:
            TooManyTurns: there is no room for it. It has not begun, and leaves nothing behind.
        """
        self._places.check()
        self._places.take()
        turn.start(self._ended)
        self._running.add(turn)
        if self._is_stopping:
            turn.stop(SHUTDOWN)

    @contextlib.contextmanager
    def running_tool(self) -> Iterator[asyncio.Future[Error]]:
        """Account for the run of a tool within the block: it has a place, and is told to stop.

        Yields:
            what is done when the run has to end, with the error that it ends with.
        """
        stopped: asyncio.Future[Error] = asyncio.get_running_loop().create_future()
        if self._is_stopping:
            stopped.set_result(SHUTDOWN)
        self._tool_runs.add(stopped)
        try:
            with self._places.taking():
                yield stopped
        finally:
            self._tool_runs.discard(stopped)

    def _ended(self, turn: LiveTurn) -> None:
        """Tell the observers and the application."""
        self._running.discard(turn)
        self._places.give_back()
        outcome = turn.outcome
        assert outcome is not None
        if turn.observer is not None:
            turn.observer(turn.labels, outcome)
        for observe in self._observers:
            observe(turn.labels, outcome)
        labels, on_finish, on_turn = turn.labels, self._on_finish, self._on_turn
        transcript = turn.transcript
        if on_finish is not None and transcript is not None:
            chat_id, usage = labels.chat_id, outcome.usage
            self._afterwards.tell(
                "on_finish", lambda: on_finish(chat_id, transcript.message(), usage)
            )
        if on_turn is not None:
            self._afterwards.tell("on_turn", lambda: on_turn(labels, outcome))

    def stop_all(self) -> None:
        """End all that runs with the error that says that the server is stopping."""
        self._is_stopping = True
        for turn in tuple(self._running):
            turn.stop(SHUTDOWN)
        for stopped in tuple(self._tool_runs):
            if not stopped.done():
                stopped.set_result(SHUTDOWN)
        for stop in self._on_stop:
            stop()

    def on_stop(self, stop: Callable[[], None]) -> None:
        """Call ``stop`` too when every turn is to end."""
        self._on_stop.append(stop)

    async def settled(self, within_s: float) -> None:
        """Wait for what the application is told of turns that are over, for a limited time."""
        await self._afterwards.settled(within_s)

    async def aclose(self) -> None:
        """End the running turns and wait for what the application is told, for a limited time."""
        detached = [turn for turn in self._running if turn.is_detached]
        if detached:
            # No response has waited for them. Those that are kept get an end that says why.
            self.stop_all()
            await asyncio.wait([turn.task for turn in detached], timeout=_LAST_EVENTS_S)
        for turn in tuple(self._running):
            await turn.leave()
        await self._afterwards.aclose()
