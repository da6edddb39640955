"""A reader of a turn's log, in any process: the log's events → frames in the reader's dialect.

Who reads from the start is sent the whole message, with all deltas that are there joined. Who says
how many chunks he has is sent the rest, chunk for chunk as the client that asked was.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from app.chats.earlier import owed_calls
from app.chats.whole_message import WholeMessage
from app.errors import StoreUnavailable
from app.events import Abort, Event, Start, Terminal
from app.grammar import State
from app.protocols.chunks import count_chunks, has_marks, without_chunks
from app.protocols.encoder import Encoder
from app.protocols.framing import Framer
from app.protocols.negotiation import ProtocolName
from app.store.store import Store, TurnHead
from app.turns.errors import DEFECT, GIVEN_UP, SHUTDOWN, LogGivenUp, ServerStopping, as_event
from app.turns.log_reader import LogReader, Read, end_of
from app.turns.lost_turns import LostTurns
from app.turns.merging import merged
from app.turns.stopping import Stopping

logger = logging.getLogger("deltaline.store")

# How long a follower waits for a store that cannot be reached, in seconds.
_OUTAGE_S = 30.0
_WAIT_S = 5.0
# Until a store that cannot be reached is asked again.
_RETRY_S = 0.5
_UNREACHABLE = as_event(StoreUnavailable)


class Follower:
    """Follows one turn.

    Args:
        store: holds the log.
        lost: ends the turn if its writer dies.
        stopping: ends the follower before the turn's end.
        head: of the turn.
        encoder: new, of the reader's dialect. With ``start`` it has to know whether the turn
            continues a message.
        protocol: the encoder's.
        start: how many chunks the reader has, negative to count from the end; None: all deltas
            joined, from the message's beginning.
        keep_alive_s: longest silence in seconds, after which a keep-alive is sent; None: another
            sends them.
    """

    def __init__(
        self,
        store: Store,
        lost: LostTurns,
        stopping: Stopping,
        head: TurnHead,
        encoder: Encoder,
        protocol: ProtocolName,
        *,
        start: int | None = None,
        keep_alive_s: float | None = None,
    ) -> None:
        self._log = LogReader(store, head.id)
        self._lost = lost
        self._stopping = stopping
        self._head = head
        self._encoder = encoder
        self._protocol = protocol
        self._start = start
        self._keep_alive_s = keep_alive_s
        self._framer: Framer | None = None
        self._total = 0  # chunks
        self._waiting: list[bytes] = []
        self._is_caught_up = False
        self._whole = WholeMessage()
        self._earlier: list[Event] = []

    async def catch_up(self) -> int:
        """Read what the log has now; return the number of the last chunk, from 0.

        Raises:
            StoreUnavailable: it cannot be read.
            LogGivenUp: not all of the turn is in it.
        """
        while not self._is_done():
            read = await self._log.read()
            frame = self._frame_of(read)
            if frame:
                self._waiting.append(frame)
            if read is None or not read.has_more:
                break
        return self._total - 1

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield frames until the turn is over."""
        waiting, self._waiting = self._waiting, []
        self._is_caught_up = True
        if self._start is not None:
            if self._start < 0:
                self._start = max(0, self._total + self._start)
            self._total = 0
            waiting = [self._rest(frame) for frame in waiting]
        if caught_up := b"".join(waiting):
            yield caught_up
        if self._is_done():
            return
        async with self._lost.watching(self._head):
            async for frame in self._live():
                yield frame

    async def _live(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        sent = reached = loop.time()
        while not self._is_done():
            read: Read | None = None
            try:
                async with self._stopping.heeded():
                    read = await self._log.read()
                reached = loop.time()
                frame = self._frame_of(read)
            except ServerStopping:
                frame = b""
            except StoreUnavailable:
                frame = b""
                if loop.time() - reached > _OUTAGE_S:
                    frame = self._ended_by(_UNREACHABLE)
                else:
                    await asyncio.sleep(_RETRY_S)
            if self._stopping.left_s <= 0 and not self._is_done():
                frame += self._ended_by(SHUTDOWN)
            silent_s = loop.time() - sent
            if not frame and self._keep_alive_s is not None and silent_s >= self._keep_alive_s:
                frame = self._encoder.keep_alive()
                sent = loop.time()
            if frame:
                sent = loop.time()
                yield frame
            elif not self._is_done() and (read is None or not read.has_more):
                await self._wait()

    async def _wait(self) -> None:
        """Wait for more of the log, or for the server to stop."""
        waits = min(_WAIT_S, self._keep_alive_s or _WAIT_S)
        is_stopping = self._stopping.is_set
        if is_stopping:
            waits = max(0.01, self._stopping.left_s)
        more = asyncio.ensure_future(self._log.wait(waits))
        stopping = asyncio.ensure_future(self._stopping.wait())
        waited = (more,) if is_stopping else (more, stopping)
        try:
            await asyncio.wait(waited, timeout=waits, return_when=asyncio.FIRST_COMPLETED)
            if more.done():
                with contextlib.suppress(StoreUnavailable):
                    more.result()
        finally:
            more.cancel()
            stopping.cancel()

    def _is_done(self) -> bool:
        return self._framer is not None and self._framer.state is State.DONE

    def _frame_of(self, read: Read | None) -> bytes:
        """Return the frames of what the log has more."""
        if read is None:
            return self._ended_by(Abort("deleted"))
        if read.events and read.events[-1] == GIVEN_UP and not self._is_caught_up:
            raise LogGivenUp("the log of the turn was given up")
        frame = self._framed(read.events)
        if read.defect is not None:
            logger.error("the log of a turn cannot be read: %s", read.defect)
            return frame + self._ended_by(DEFECT)
        if not read.has_more and read.head.state != "running" and not self._is_done():
            frame += self._ended_by(end_of(read.head))
        return frame

    def _framed(self, events: Sequence[Event]) -> bytes:
        if self._start is None:
            framer = self._framer = self._framer or Framer(self._encoder)
            return framer.frame(merged(self._whole.take(events)))
        missing = self._head.live_from - len(self._earlier)
        if missing > 0:
            self._earlier += events[:missing]
            events = events[missing:]
        if not events:
            return b""
        framer = self._framer or Framer(
            self._encoder, owed_calls(self._earlier), continues=self._head.live_from > 0
        )
        self._framer = framer
        if has_marks(self._protocol):
            return self._counted(framer.frame(events))
        return b"".join(self._counted(framer.frame([event])) for event in events)

    def _counted(self, frame: bytes) -> bytes:
        """Return what the reader does not have yet of ``frame``; see `count_chunks`."""
        if self._start is None:
            return frame
        if self._is_caught_up:
            return self._rest(frame)
        # How many there are may have to be known first.
        self._waiting.append(frame)
        self._total += count_chunks(frame, self._protocol)
        return b""

    def _rest(self, frame: bytes) -> bytes:
        assert self._start is not None
        count = count_chunks(frame, self._protocol)
        has = min(count, self._start - self._total)
        self._total += count
        return without_chunks(frame, self._protocol, has)

    def _ended_by(self, event: Terminal) -> bytes:
        framer = self._framer = self._framer or Framer(self._encoder)
        start = [Start(self._head.message_id)] if framer.state is State.IDLE else []
        return b"".join(self._counted(framer.frame([one])) for one in [*start, event])
