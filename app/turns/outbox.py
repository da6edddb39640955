"""A turn's frames on their way to its response.

Until the response begins, frames wait here, up to a high-water mark. From then on each goes
straight to the connection, in the turn's own task, without a queue or a second task. A client that
reads slowly holds back the turn, and the turn holds back the reading from the model, so that memory
stays constant however long the answer is.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

HIGH_WATER_BYTES = 256 * 1024

# Sends bytes to the client; returns once there is room for more.
Write: TypeAlias = Callable[[bytes], Awaitable[None]]
# Sends bytes if the client takes them at once; returns whether it has sent them.
WriteAtOnce: TypeAlias = Callable[[bytes], bool]


class Outbox:
    """Frames of one turn.

    After ``keep_alive_s`` seconds without a frame, a keep-alive is sent.

    Args:
        keep_alive_s: longest silence, in seconds.
        keep_alive: returns the bytes of a keep-alive; ``b""`` for none.
        high_water_bytes: how many bytes may wait before `put` blocks.
    """

    __slots__ = (
        "_beat",
        "_frames",
        "_high_water_bytes",
        "_is_closed",
        "_keep_alive",
        "_keep_alive_s",
        "_last_sent",
        "_loop",
        "_room",
        "_time",
        "_timer",
        "_waiting_bytes",
        "_write",
        "_write_at_once",
        "_writing",
    )

    def __init__(
        self,
        *,
        keep_alive_s: float,
        keep_alive: Callable[[], bytes],
        high_water_bytes: int = HIGH_WATER_BYTES,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._frames: list[bytes] = []
        self._waiting_bytes = 0
        self._high_water_bytes = high_water_bytes
        self._write: Write | None = None
        self._write_at_once: WriteAtOnce | None = None
        self._room: asyncio.Future[None] | None = None
        self._is_closed = False
        self._writing = 0
        self._keep_alive_s = keep_alive_s
        self._keep_alive = keep_alive
        self._beat: asyncio.Future[None] | None = None
        self._last_sent = self._time()
        self._timer: asyncio.TimerHandle | None = None

    def start_keep_alive(self) -> None:
        """Start the keep-alive timer. The turn's start calls this; until then there is no timer."""
        self._last_sent = self._time()
        self._timer = self._loop.call_later(self._keep_alive_s, self._on_timer)

    @property
    def is_writing(self) -> bool:
        """Whether a write waits for the client. Cancelled now, the frame may or may not arrive."""
        return self._writing > 0

    async def put(self, frame: bytes) -> None:
        """Send ``frame``, or keep it until the response begins. ``b""`` is ignored."""
        if not frame or self._is_closed:
            return
        if self._write is not None:
            self._last_sent = self._time()
            if not self._writing and self._write_at_once is not None and self._write_at_once(frame):
                return
            self._writing += 1  # the tools of a turn report side by side
            try:
                await self._write(frame)
            finally:
                self._writing -= 1
            return
        self._frames.append(frame)
        self._waiting_bytes += len(frame)
        while self._waiting_bytes > self._high_water_bytes and not self._is_closed:
            self._room = self._loop.create_future()
            await self._room

    def hold_back_no_more(self) -> None:
        """Let `put` wait no more for a response that has not begun: the turn is ending."""
        self._high_water_bytes = sys.maxsize
        self._make_room()

    async def connect(self, write: Write, write_at_once: WriteAtOnce | None = None) -> None:
        """Send the frames that wait; from then on each goes to ``write`` as it comes.

        Args:
            write_at_once: is asked before, and may have done it.
        """
        while self._frames:
            chunk = b"".join(self._frames)
            self._frames.clear()
            self._waiting_bytes = 0
            self._last_sent = self._time()
            self._make_room()
            await write(chunk)  # frames that come meanwhile wait for the next round
        self._write = write
        self._write_at_once = write_at_once

    def close(self) -> None:
        """Take no more frames: the turn is over, or its client has left. Waiting frames stay."""
        self._is_closed = True
        # They know the turn, and the turn this: nobody else would part them.
        self._write = self._write_at_once = None
        if self._timer is not None:
            self._timer.cancel()
        if self._beat is not None:
            self._beat.cancel()
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    def _on_timer(self) -> None:
        # One timer for the whole stream, moved only when it fires: tokens do not touch it.
        quiet_s = self._time() - self._last_sent
        if quiet_s >= self._keep_alive_s:
            quiet_s = 0.0
            # A write that is waiting for a slow client is not silence.
            if self._write is not None and not self._writing and (frame := self._keep_alive()):
                self._last_sent = self._time()
                self._beat = asyncio.ensure_future(self._write(frame))
        self._timer = self._loop.call_later(self._keep_alive_s - quiet_s, self._on_timer)
