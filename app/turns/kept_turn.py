"""A turn of this process whose log is in a store."""

import asyncio
from collections.abc import Callable

from app.events import Abort, Start, Terminal
from app.store.store import TurnHead
from app.turns.errors import TooManyTurns, as_event
from app.turns.live_turn import LiveTurn, Standing
from app.turns.recorder import Recorder

_NOT_STARTED = as_event(TooManyTurns)


class KeptTurn:
    """A turn that the store knows as running.

    Args:
        head: as the store got it.
        recorder: of its events.

    Attributes:
        is_first: whether it is the first turn of its chat.
        on_settled: called once when the store knows the end, or will never be told it, with whether
            this process has ended the turn.
        on_awaited: called when somebody begins to wait for that.
        begin_again: begins the turn anew in a store that has lost it.
        standing: returns what has to be waited for before more is sent; None: nothing.
        write_until: returns the loop time until which a response waits for the store's knowing the
            end, since this process may stand still afterwards; None: it does not wait.
    """

    def __init__(self, head: TurnHead, recorder: Recorder) -> None:
        self.head = head
        self.recorder = recorder
        self.is_first = False
        self.write_until: Callable[[], float] | None = None
        self.on_settled: Callable[[bool], None] | None = None
        self.on_awaited: Callable[[], None] | None = None
        self.begin_again: Callable[[], None] | None = None
        self.standing: Standing | None = None
        self._has_ended: bool | None = None
        self._ended: asyncio.Future[bool] | None = None
        self._live: LiveTurn | None = None
        self._stop_with: Terminal | None = None

    @property
    def ended(self) -> "asyncio.Future[bool]":
        """Done when `on_settled` is called, with what it is called with."""
        if self._ended is None:  # few are waited for
            self._ended = asyncio.get_running_loop().create_future()
            if self._has_ended is not None:
                self._ended.set_result(self._has_ended)
            elif self.on_awaited is not None:
                self.on_awaited()
        return self._ended

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for the end."""
        return self._ended is not None

    def run_by(self, live: LiveTurn) -> None:
        """Stop ``live`` when the turn is to stop."""
        self._live = live
        if self._stop_with is not None:
            live.stop(self._stop_with)

    def stop(self, event: Terminal | None = None) -> None:
        """End the turn with ``event``, else with an `Abort`. The first call counts."""
        if self._stop_with is None:
            self._stop_with = Abort() if event is None else event
            if self._live is not None:
                self._live.stop(self._stop_with)

    def give_up(self) -> None:
        """End a turn that cannot be started."""
        self.recorder.note(Start(self.head.message_id))
        self.recorder.note(_NOT_STARTED)
        self.recorder.close()

    async def written(self) -> None:
        """Return when the response may end, as far as the store is concerned."""
        if self.write_until is not None:
            left_s = self.write_until() - asyncio.get_running_loop().time()
            if left_s > 0:
                await asyncio.wait((self.ended,), timeout=left_s)

    def settle(self, has_ended: bool) -> None:
        """Note that nothing more is written."""
        if self._has_ended is not None:
            return
        self._has_ended = has_ended
        if self._ended is not None:
            self._ended.set_result(has_ended)
        on_settled = self.on_settled
        # They know the turn: a cycle, which would be left to the garbage collector.
        self.on_settled = self.on_awaited = self.begin_again = None
        if on_settled is not None:
            on_settled(has_ended)
