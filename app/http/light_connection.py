"""One connection of uvicorn's that takes less memory.

A stream is open for long, and many are: what each connection holds for its whole life is what
limits their number. uvicorn makes three deques of 760 bytes for what hardly ever happens: for those
who wait for a request's next bytes, for those who wait for room to write, and for pipelined
requests.

Source: uvicorn 0.54, uvicorn/protocols/http/httptools_impl.py and flow_control.py.
"""

import asyncio
from collections import deque
from typing import Any, ClassVar, cast

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.http.light_event import LightEvent
from app.http.own_server import OWN_SERVER


class _Pipeline(list[tuple[RequestResponseCycle, ASGI3Application]]):
    """What uvicorn calls of a deque. Of requests that wait there are one or two."""

    __slots__ = ()

    def appendleft(self, request: tuple[RequestResponseCycle, ASGI3Application]) -> None:
        self.insert(0, request)


class _Flow(FlowControl):
    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._is_writable_event = LightEvent(is_set=True)


class _Exchange:
    """A request and its response; an `OwnServer`.

    It knows the request's event and not the request, which would be a reference cycle. Once the
    body has been read, only the end of the response or of the connection sets that event.
    """

    __slots__ = ("_event", "_flow", "_transport")

    def __init__(
        self, event: LightEvent, flow: FlowControl, transport: asyncio.Transport | None
    ) -> None:
        self._event = event
        self._flow = flow
        self._transport = transport

    def write(self, piece: bytes) -> bool:
        if self._transport is None or self._flow.write_paused or self._event.is_set():
            return False
        self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True

    def leaving(self) -> asyncio.Future[None] | None:
        if self._event.is_set():
            return None
        self._flow.resume_reading()  # as `receive` does: who does not read sees no end
        return self._event.future()


class LightConnection(HttpToolsProtocol):
    """As uvicorn's. Subclasses name their attributes in ``__slots__``.

    uvicorn's own are 27, and a class shares the keys of up to 30 among its instances; with more
    each instance has a table of its own, which takes four times the memory.
    """

    __slots__ = ()

    # Whether responses may write their pieces past the app; see `app.http.own_server.is_bare`.
    writes_pieces: ClassVar[bool] = False

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.pipeline = cast(deque[tuple[RequestResponseCycle, ASGI3Application]], _Pipeline())

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # Nobody waits for it yet. The body of a pipelined request may have come.
        event = LightEvent(is_set=cycle.message_event.is_set())
        cycle.message_event = event
        extensions = cast(dict[str, Any], cycle.scope.setdefault("extensions", {}))
        transport = self.transport if self.writes_pieces else None
        extensions[OWN_SERVER] = _Exchange(event, self.flow, transport)
        HttpToolsProtocol._start_asgi_task(self, cycle, app)
