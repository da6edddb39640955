"""Plays a `Script` over one connection and notices when the client disconnects."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, Protocol, assert_never

from starlette.types import Receive, Scope, Send

from app.scripted_model.control import Control
from app.scripted_model.script import (
    ApiError,
    Block,
    BreakOff,
    Delivery,
    Failed,
    Interruption,
    Script,
    Stall,
    Wait,
)
from app.scripted_model.server_sent_events import to_json

HangUp = Callable[[Scope], Awaitable[None]]


class Wire(Protocol):
    """How an API encodes a script: complete server-sent events, in the order of the calls."""

    def start(self) -> list[bytes]: ...
    def open(self, block: Block) -> list[bytes]: ...
    def token(self, text: str) -> list[bytes]: ...
    def close(self) -> list[bytes]: ...
    def end(self, script: Script) -> list[bytes]: ...
    def error(self, error: ApiError) -> list[bytes]: ...
    def failed(self, error: ApiError) -> list[bytes]: ...
    def whole(self, script: Script) -> dict[str, Any]: ...


class _Over(Exception):
    """The script ends here, after an error."""


class Performance:
    """An ASGI response that plays one script, streamed or as one object."""

    def __init__(
        self,
        script: Script,
        wire: Wire,
        *,
        stream: bool,
        delay_s: float,
        control: Control,
        hang_up: HangUp,
    ) -> None:
        self._script = script
        self._wire = wire
        self._stream = stream
        own_delay_s = script.delivery.delay_s
        self._delay_s = delay_s if own_delay_s is None else own_delay_s
        self._control = control
        self._hang_up = hang_up
        self._hung_up = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Play until the end, or until the client disconnects."""
        self._control.opened()
        playing = asyncio.create_task(self._play(scope, send))
        # The request body has been read, so the next message can only be a disconnect.
        leaving = asyncio.create_task(_disconnect(receive))
        left = False
        try:
            await asyncio.wait((playing, leaving), return_when=asyncio.FIRST_COMPLETED)
            left = not playing.done() and not self._hung_up
        finally:
            playing.cancel()
            leaving.cancel()
            outcome, _ = await asyncio.gather(playing, leaving, return_exceptions=True)
            self._control.closed(left=left)
        if isinstance(outcome, Exception):
            raise outcome

    async def _play(self, scope: Scope, send: Send) -> None:
        writer = _Writer(send, self._script.delivery)
        try:
            if self._script.before is not None:
                await self._interrupt(self._script.before, scope, writer)
            if self._stream:
                await self._play_events(scope, writer)
            else:
                await self._play_whole(scope, writer)
        except _Over:
            return

    async def _play_events(self, scope: Scope, writer: "_Writer") -> None:
        wire = self._wire
        await writer.start(200, "text/event-stream; charset=utf-8")
        await writer.write(wire.start())
        for block in self._script.blocks:
            await writer.write(wire.open(block))
            for piece in block.pieces:
                if isinstance(piece, str):
                    await self._control.pause(self._delay_s)
                    await writer.write(wire.token(piece))
                else:
                    await self._interrupt(piece, scope, writer)
            await writer.write(wire.close())
        await writer.write(wire.end(self._script))
        await writer.end()

    async def _play_whole(self, scope: Scope, writer: "_Writer") -> None:
        for block in self._script.blocks:
            for piece in block.pieces:
                if isinstance(piece, str):
                    await self._control.pause(self._delay_s)
                else:
                    await self._interrupt(piece, scope, writer)
        await writer.start(200, "application/json")
        await writer.end(to_json(self._wire.whole(self._script)))

    async def _interrupt(self, interruption: Interruption, scope: Scope, writer: "_Writer") -> None:
        await writer.flush()
        match interruption:
            case Wait(gate):
                await self._control.gate(gate).pass_through()
            case Stall(seconds):
                await asyncio.sleep(seconds)
            case BreakOff():
                self._hung_up = True
                await self._hang_up(scope)
                # Wait to be cancelled: to uvicorn, a return before the response is complete is a
                # fault.
                await asyncio.get_running_loop().create_future()
            case Failed(error):
                await self._fail(error, self._wire.failed, writer)
            case ApiError():
                await self._fail(interruption, self._wire.error, writer)
            case _:
                assert_never(interruption)

    async def _fail(
        self, error: ApiError, inside: Callable[[ApiError], list[bytes]], writer: "_Writer"
    ) -> NoReturn:
        """Send ``error`` as a response of its own, or inside a stream that has begun."""
        if writer.started:
            await writer.write(inside(error))
            await writer.end()
        else:
            await writer.start(error.status, "application/json", error.headers)
            await writer.end(to_json({"error": error.body()}))
        raise _Over


class _Writer:
    """Sends the response in writes of the size that the `Delivery` asks for."""

    def __init__(self, send: Send, delivery: Delivery) -> None:
        self.started = False
        self._send = send
        self._delivery = delivery
        self._waiting: list[bytes] = []

    async def start(
        self, status: int, media_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.started = True
        own = {"content-type": media_type, "x-request-id": f"req_{uuid.uuid4().hex}"}
        pairs = {**own, **(headers or {})}.items()
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, events: Sequence[bytes]) -> None:
        self._waiting += events
        while len(self._waiting) >= self._delivery.events_per_write:
            await self._write_some(self._delivery.events_per_write)

    async def flush(self) -> None:
        if self._waiting:
            await self._write_some(len(self._waiting))

    async def end(self, last: bytes = b"") -> None:
        await self.flush()
        await self._send({"type": "http.response.body", "body": last, "more_body": False})

    async def _write_some(self, events: int) -> None:
        ready, self._waiting = self._waiting[:events], self._waiting[events:]
        data = b"".join(ready)
        if self._delivery.comments:
            data = b"".join(b": scripted\n\n" + event for event in ready)
        if self._delivery.crlf:
            data = data.replace(b"\n", b"\r\n")
        size = self._delivery.bytes_per_write or len(data)
        for start in range(0, len(data), size):
            body = data[start : start + size]
            await self._send({"type": "http.response.body", "body": body, "more_body": True})
            # Each write has to leave before the next, or the client reads both at once.
            await asyncio.sleep(0)


async def _disconnect(receive: Receive) -> None:
    await receive()
