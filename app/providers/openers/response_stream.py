"""One request and the body of its response, as the connection brings it.

The bytes of a read are in `take` before anybody runs. So there are two ways to get them: wait in
`read`, which costs a future and a task switch for each read that finds nothing; or name a function
with `listen`, which is called straight from the event loop's read whenever `take` has news.
"""

import asyncio
from collections.abc import Callable, Collection

from app.causes import described
from app.errors import ProviderError, ProviderTimeout, ProviderUnreachable
from app.providers.openers.connection import Connection
from app.providers.openers.response_framing import ResponseFraming, ResponseHead

# How many bytes may wait for a reader; what comes in one read may exceed it. Then we stop reading,
# TCP's window fills, and the server waits.
HIGH_WATER_BYTES = 64 * 1024
# What is handed to the transport in one go, in bytes. It copies what the socket does not take, and
# encrypts all of it before it returns.
_PIECE_BYTES = 64 * 1024


class ResponseStream:
    """A `ByteStream` that begins before the headers are in.

    Args:
        connection: carries nothing else until this is over. It is aborted if the response is not
            read to its end.
        read_timeout_s: the longest silence.
        on_free: called once with the response's head if the connection may serve another request.
    """

    __slots__ = (
        "_connection",
        "_failure",
        "_framing",
        "_heard_at",
        "_is_paused",
        "_is_sent",
        "_listener",
        "_loop",
        "_on_free",
        "_read_timeout_s",
        "_time",
        "_timer",
        "_unread_bytes",
        "_waiter",
    )

    def __init__(
        self,
        connection: Connection,
        *,
        read_timeout_s: float,
        on_free: Callable[[Connection, ResponseHead], None],
    ) -> None:
        self._loop = connection.loop
        self._time = self._loop.time
        # None when the response is over, well or not.
        self._connection: Connection | None = connection
        self._framing = ResponseFraming()
        self._failure: ProviderError | None = None
        self._on_free = on_free
        self._listener: Callable[[], None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._unread_bytes = 0
        self._is_paused = False
        self._is_sent = False
        self._read_timeout_s = read_timeout_s
        self._heard_at = self._time()
        self._timer = self._loop.call_later(read_timeout_s, self._on_timer)
        connection.own(self)

    @property
    def is_unanswered(self) -> bool:
        """Whether the connection was lost before a single byte of a response came."""
        return isinstance(self._failure, ProviderUnreachable) and not self._framing.has_begun

    async def ask(self, head: bytes, body: bytes) -> ResponseHead:
        """Send a request and wait for the headers.

        Raises:
            ProviderUnreachable, ProviderTimeout: there was no response.
        """
        try:
            if len(body) <= _PIECE_BYTES:
                self._transport.write(head + body)
                self._is_sent = True
            else:
                await self._send(head, body)
            while self._framing.head is None:
                if self._failure is not None:
                    raise self._failure
                await self._news()
            return self._framing.head
        except BaseException:
            self.abort()
            raise

    def forget_headers(self, but: Collection[str]) -> None:
        """Let go of all headers but these, which ``on_free`` is told of."""
        self._framing.forget_headers(but)

    @property
    def is_at_end(self) -> bool:
        return self._framing.is_complete and not self._framing.pieces

    async def read(self) -> bytes:
        while (data := self.take()) is None:
            await self._news()
        return data

    def take(self) -> bytes | None:
        """Return what has come since the last call, without waiting.

        ``b""`` is the end, None that there is nothing yet.

        Raises:
            ProviderError: as for `read`, once everything that came before it has been taken.
        """
        pieces = self._framing.pieces
        if pieces:
            data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._unread_bytes = 0
            if self._is_paused:
                self._resume_reading()
            return data
        if self._framing.is_complete:
            return b""
        if self._failure is not None:
            raise self._failure
        return None

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call ``listener`` whenever `take` may have something new: bytes, the end or an error.

        It runs inside the event loop's own callback, so it must not raise, and it must not take
        long. What is already here it is not told of. While there is one, nobody may be in `read`.
        None goes back to `read`.
        """
        self._listener = listener

    async def aclose(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close the connection, unless the response is over. Idempotent."""
        connection = self._let_go()
        if connection is not None:
            self._failure = self._failure or ProviderError("the stream was closed")
            connection.abort()
            self._tell()

    # What follows is called by the connection.

    def receive(self, data: bytes) -> None:
        self._heard_at = self._time()
        framing = self._framing
        framing.feed(data)
        self._unread_bytes += len(data)
        if framing.is_complete or framing.fault is not None:
            self._end()
        elif self._unread_bytes > HIGH_WATER_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        if self._listener is not None:
            self._listener()
        else:
            self._wake()

    def receive_end(self) -> None:
        self._framing.feed_end()
        self._end()
        self._tell()

    def lose(self, error: Exception | None) -> None:
        if self._connection is not None:
            self._let_go()
            # Nobody ended it in an orderly way: that is told before. In TLS it may be somebody on
            # the way who has cut the answer short.
            reason = "the connection was cut" if error is None else described(error)
            self._fail(reason, error)
            self._tell()

    def resume(self) -> None:
        self._heard_at = self._time()
        self._wake()

    async def _send(self, head: bytes, body: bytes) -> None:
        self._transport.write(head)
        view = memoryview(body)
        for start in range(0, len(view), _PIECE_BYTES):
            if not await self._wants_more():
                return
            self._transport.write(view[start : start + _PIECE_BYTES])
            # Whoever else has something to do goes first, if the socket takes it at once.
            await asyncio.sleep(0)
        self._is_sent = True

    async def _wants_more(self) -> bool:
        """Wait until there is room for more of the request; return whether to send more.

        A server that has refused it, or is gone, needs no more; who says yes gets all of it.
        """
        while self._connection is not None:
            head = self._framing.head
            if head is not None and not 200 <= head.status < 300:
                return False
            if self._connection.is_writable:
                return True
            await self._news()
        return False

    @property
    def _transport(self) -> asyncio.Transport:
        assert self._connection is not None
        return self._connection.transport

    def _end(self) -> None:
        """End with what the framing says: the response is complete, or broken."""
        framing = self._framing
        connection = self._let_go()
        if connection is None:
            return
        if framing.fault is not None:
            self._fail(framing.fault, None)
        if framing.head is not None and framing.keeps_alive and self._is_sent:
            self._on_free(connection, framing.head)
        else:
            connection.abort()

    def _let_go(self) -> Connection | None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._timer.cancel()
            connection.own(None)
            if self._is_paused and connection.is_usable:
                connection.transport.resume_reading()
            self._is_paused = False
        return connection

    def _fail(self, reason: str, cause: Exception | None) -> None:
        if self._framing.head is None:
            self._failure = ProviderUnreachable(f"no response: {reason}")
        else:
            self._failure = ProviderError(f"the stream broke off: {reason}")
        self._failure.__cause__ = cause

    def _resume_reading(self) -> None:
        self._is_paused = False
        # The silence was ours.
        self._heard_at = self._time()
        self._transport.resume_reading()

    def _on_timer(self) -> None:
        # One timer for the whole response, moved only when it fires: bytes do not touch it.
        now = self._time()
        if self._is_paused:
            self._heard_at = now
        quiet_s = now - self._heard_at
        if quiet_s < self._read_timeout_s:
            self._timer = self._loop.call_later(self._read_timeout_s - quiet_s, self._on_timer)
            return
        if self._framing.head is None:
            self._failure = ProviderTimeout("no response within the read time-out")
        else:
            self._failure = ProviderTimeout("nothing came for the read time-out")
        self.abort()

    def _tell(self) -> None:
        if self._listener is not None:
            self._listener()
        else:
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _news(self) -> None:
        """Wait until something has happened."""
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
