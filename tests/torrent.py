"""An answer longer than all buffers between server and client, and a client that reads little."""

import asyncio
import socket

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.events import Emit, Error, Finish, ReasoningDelta, Start, StepEnd, StepStart, TextDelta
from app.http.disconnect import watch
from app.http.responses import TurnResponse
from app.protocols.encoder import Encoder
from app.protocols.framing import Framer
from app.turns.live_turn import LiveTurn
from app.turns.outbox import Outbox
from app.turns.outcome import TurnLabels
from app.turns.progress import TurnProgress


class Torrent:
    """An ASGI app whose response to every request is one long turn of a model that never waits.

    Args:
        encoder: the protocol.
        alternate: send every second piece as reasoning.

    Attributes:
        emitted: bytes of text that the turn has emitted so far.
        turn: the running turn.
        over: set when the turn has ended.
    """

    PIECES = 25_000
    PIECE = "#" * 1000

    def __init__(self, encoder: Encoder, *, alternate: bool = False) -> None:
        self.emitted = 0
        self.turn: LiveTurn | None = None
        self.over = asyncio.Event()
        self._encoder = encoder
        self._kinds = (TextDelta, ReasoningDelta) if alternate else (TextDelta, TextDelta)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outbox = Outbox(keep_alive_s=10, keep_alive=self._encoder.keep_alive)
        self.turn = LiveTurn(
            self._run,
            labels=TurnLabels(request_id="r1"),
            message_id="msg-1",
            framer=Framer(self._encoder),
            outbox=outbox,
            progress=TurnProgress(model="m", started=0),
        )
        self.turn.start(lambda _: self.over.set())
        response = TurnResponse(
            self.turn,
            outbox,
            watch(Request(scope, receive)),
            media_type=self._encoder.media_type,
            headers=self._encoder.headers,
        )
        await response(scope, receive, send)

    def stop(self, error: Error) -> None:
        """End the turn."""
        assert self.turn is not None
        self.turn.stop(error)

    async def _run(self, emit: Emit) -> None:
        await emit([Start("msg-1"), StepStart()])
        for number in range(self.PIECES):
            await asyncio.sleep(0)  # as reading from a model would
            await emit([self._kinds[number % 2](self.PIECE)])
            self.emitted += len(self.PIECE)
        await emit([StepEnd("stop"), Finish("stop")])


async def asking(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request on a connection that buffers little until it is read from."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", int(url.rpartition(":")[2])))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    await writer.drain()
    return reader, writer
