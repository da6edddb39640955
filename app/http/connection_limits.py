"""What a connection may cost before the app is asked: sizes, times and a number.

uvicorn's parser reads a header of any size, waits for the rest of a request for ever, and accepts
any number of connections. `LimitedConnection` is its protocol with limits: it counts the bytes of a
header block before they are parsed, and has one timer, which is set only while the client owes us
something. A response on its way and an idle keep-alive connection cost nothing.

Source: uvicorn 0.54, uvicorn/protocols/http/httptools_impl.py. uvicorn's own options limit neither:
``h11_max_incomplete_event_size`` is for its other parser, ``limit_concurrency`` reads the request
before it refuses it.
"""

import asyncio
import enum
from functools import partial
from typing import Any, cast

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from app.http.descriptors import Room
from app.http.held_head import hold_head
from app.http.unread import WatchedConnection
from app.protocols.json_text import dumps

# How long, and how many bytes, a client may go on sending after it was refused. Closing with unread
# bytes resets the connection, and the client could lose the response.
_LINGER_S = 2.0
_LINGER_BYTES = 16 * 1024 * 1024
# Connections beyond the limit that are told so; further ones are cut.
_TOLD_CONNECTIONS = 100


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one server.

    Attributes:
        head_bytes: largest header block, request line included; trailers and the extensions of one
            chunk are counted alike. A pipelined request that began in the same read as the end of
            the one before may have twice as much.
        url_bytes: longest path with its query.
        head_s: longest time from the first byte of a header block, or from the beginning of the
            connection, to the end of the header block.
        body_s: longest time without a byte of the body.
        whole_body_s: longest time for the whole body; 6 MiB need 20 KiB a second then.
        unread_s: longest time in which a client takes nothing of what it has asked for; ``None``
            for any.
        connections: open at a time; ``None`` for half of the descriptors that the process may have,
            since each chat needs another one for its model.
    """

    head_bytes: int = 64 * 1024
    url_bytes: int = 16 * 1024
    head_s: float = 10.0
    body_s: float = 30.0
    whole_body_s: float = 300.0
    unread_s: float | None = 10.0
    connections: int | None = None


def limited_protocol(
    limits: ConnectionLimits, *, writes_pieces: bool = False
) -> type[asyncio.Protocol]:
    """Return what ``uvicorn.Config(http=…)`` takes; ``writes_pieces`` where the app `is_bare`."""
    kind = _DirectConnection if writes_pieces else LimitedConnection
    made = partial(kind, limits=limits, room=Room(limits.connections))
    # uvicorn only calls it.
    return cast(type[asyncio.Protocol], made)


class _State(enum.Enum):
    """Which part of a request the parser stands in."""

    BETWEEN = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


# Looking up a member takes as long as a call, and there are several a request.
_BETWEEN, _HEAD, _BODY = _State


class LimitedConnection(WatchedConnection):
    """One connection of uvicorn's with limits; refuses with ``{"success": false, "error": …}``.

    What every request passes calls the class above by its name: in Python 3.11 ``super()`` takes
    longer than all else that is done here.
    """

    __slots__ = (
        "_awaited",
        "_body_until",
        "_deadline",
        "_discarded",
        "_is_refused",
        "_limits",
        "_most",
        "_refusal",
        "_room",
        "_state",
        "_timer",
        "_timer_at",
        "_unfinished",
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits,
        room: Room,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop, unread_s=limits.unread_s)
        self._limits = limits
        self._most = limits.head_bytes
        self._room = room
        self._body_until = 0.0
        self._state = _BETWEEN
        # Bytes that came since the parser last completed something.
        self._unfinished = 0
        self._refusal: tuple[int, str] | None = None
        self._is_refused = False
        self._discarded = 0
        # What we wait for, until when, and the timer: it may ring earlier, never later.
        self._awaited: _State | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._room.has_one_more(len(self.connections), transport):
            self._await(_HEAD, self._limits.head_s)
            return
        excess = len(self.connections) - self._room.connections
        if excess > _TOLD_CONNECTIONS:
            transport.abort()
        else:
            self._refuse(503, "The server has too many connections; please try again shortly.")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            self._discarded += len(data)
            if self._discarded > _LINGER_BYTES:
                self.transport.abort()
            return
        if self._unfinished + len(data) <= self._most:
            self._unfinished += len(data)
            HttpToolsProtocol.data_received(self, data)
        else:
            self._receive_in_pieces(data)
        if not self._is_refused:
            self._set_timer()

    def _receive_in_pieces(self, data: bytes) -> None:
        """Hand the parser no more at a time than a header block may still have."""
        while data and not self._is_refused:
            room = self._most - self._unfinished
            if room <= 0:
                is_url = self._state is _HEAD and len(self.url) > self._limits.url_bytes
                self._refuse(*(self._url_too_long if is_url else self._head_too_large))
                return
            piece, data = data[:room], data[room:]
            self._unfinished += len(piece)
            super().data_received(piece)

    def on_message_begin(self) -> None:
        self._state = _HEAD
        HttpToolsProtocol.on_message_begin(self)

    def on_headers_complete(self) -> None:
        if len(self.url) > self._limits.url_bytes:
            self._refusal = self._url_too_long
            raise ValueError("the URL is too long")  # ends the parsing: `send_400_response`
        self._state = _BODY
        self._unfinished = 0
        self._body_until = self.loop.time() + self._limits.whole_body_s
        HttpToolsProtocol.on_headers_complete(self)
        hold_head(self.cycle, self.loop)

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        self._state = _BETWEEN
        self._unfinished = 0
        HttpToolsProtocol.on_message_complete(self)

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser, or one of the methods that it calls, has stopped at."""
        self._refuse(*(self._refusal or (400, "The request is not valid HTTP.")))

    @property
    def _url_too_long(self) -> tuple[int, str]:
        return 414, f"The request's URL is longer than {self._limits.url_bytes} bytes."

    @property
    def _head_too_large(self) -> tuple[int, str]:
        return 431, f"The request's headers are larger than {self._limits.head_bytes} bytes."

    def _set_timer(self) -> None:
        """Wait for what the client owes us after what it has just sent."""
        if self._state is _BODY:
            left_s = self._body_until - self.loop.time()
            self._await(_BODY, min(self._limits.body_s, left_s))
        elif self._state is _BETWEEN and self._is_responding:
            self._awaited = None  # it is our turn
        elif self._awaited is not _HEAD:
            self._await(_HEAD, self._limits.head_s)

    def _await(self, state: _State, seconds: float) -> None:
        self._awaited = state
        self._deadline = self.loop.time() + seconds
        if self._timer is not None and self._timer_at > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer_at = self._deadline
            self._timer = self.loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        late_s = self.loop.time() - self._deadline
        if self._awaited is None or self._is_refused or self.transport.is_closing():
            return
        if late_s < 0:
            self._await(self._awaited, -late_s)
        elif self._is_our_turn():
            self._body_until += self._limits.body_s
            self._await(self._awaited, self._limits.body_s)
        elif self._state is _BETWEEN:
            self.transport.close()  # nothing was asked
        else:
            self._refuse(408, "The request did not arrive in time.")

    def _is_our_turn(self) -> bool:
        """Whether we do not read at the moment, or have not said 100 Continue yet."""
        return self.flow.read_paused or (
            self._state is _BODY and self.cycle.waiting_for_100_continue
        )

    def _refuse(self, status: int, sentence: str) -> None:
        """End the connection, with a response to the request that is at fault."""
        self._is_refused = True
        cycle = self.cycle
        if self._is_responding:
            if self.pipeline or (cycle.response_started and self._state is _BODY):
                self.transport.close()
                return
            if self._state is not _BODY:
                # The request before this one is still being answered, and is the last.
                cycle.keep_alive = False
                return
            cycle.disconnected = True
            cycle.message_event.set()
        elif self._state is _BODY:
            self.transport.close()  # it has had its response
            return
        self._unset_keepalive_if_required()
        self.transport.write(_response(status, sentence))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(_LINGER_S, self.transport.abort)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _response(status: int, sentence: str) -> bytes:
    body = dumps({"success": False, "error": sentence})
    retry_after = b"retry-after: 1\r\n" if status == 503 else b""
    return STATUS_LINE[
        status
    ] + b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n%s\r\n%s" % (
        len(body),
        retry_after,
        body,
    )


class _DirectConnection(LimitedConnection):
    __slots__ = ()
    writes_pieces = True
