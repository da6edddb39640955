"""The HTTP client with which MCP servers are asked: bounded, and one failure is one call's.

The package's transports hand every failure of the connection to the whole session, which would end
the calls of all turns for the failure of one. So a failure is a response here, with status 503.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2

from app.content_coding import compression_of
from app.tracing import trace_headers

# Of one response, in bytes. A stream that pushes notifications begins anew after it.
MOST_RESPONSE_BYTES = 64 * 2**20
# Of one server-sent event, in bytes: as long as a line of a server with pipes.
MOST_EVENT_BYTES = 8 * 2**20
_CONNECT_S = 10.0
# Without a byte on a stream, in seconds. Calls have time limits of their own.
_SILENCE_S = 300.0


class PeerClient(httpx2.AsyncClient):
    """A client for one server.

    Args:
        headers: of every request.
        auth: of the package, or of httpx2.
        on_failure: called when the server cannot be reached, or breaks off.
        on_status: called with the status of each response that is an error.
        most_bytes: the longest body of a response.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        auth: httpx2.Auth | None = None,
        on_failure: Callable[[], None],
        on_status: Callable[[int], None] = lambda status: None,
        most_bytes: int = MOST_RESPONSE_BYTES,
    ) -> None:
        super().__init__(
            headers={**headers, "accept-encoding": "identity"},
            auth=auth,
            timeout=httpx2.Timeout(_CONNECT_S, read=_SILENCE_S),
        )
        self._on_failure = on_failure
        self._on_status = on_status
        self._most_bytes = most_bytes

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """Send the request; a server that cannot be reached gives a 503."""
        request.headers.update(trace_headers())
        try:
            response = await super().send(request, stream=True, **options)
        except httpx2.TransportError:
            self._on_failure()
            self._on_status(503)
            return httpx2.Response(503, request=request)
        if response.status_code >= 400:
            self._on_status(response.status_code)
        if compression_of(response.headers):
            await response.aclose()
            return httpx2.Response(502, request=request)
        if not response.is_closed and isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream, self._most_bytes, self._on_failure)
        if not stream:
            await response.aread()
        return response


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends where its server breaks off, or after ``most_bytes``."""

    def __init__(
        self, body: httpx2.AsyncByteStream, most_bytes: int, on_failure: Callable[[], None]
    ) -> None:
        self._body = body
        self._left = most_bytes
        self._on_failure = on_failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._body:
                self._left -= len(data)
                if self._left < 0:
                    return
                yield data
        except httpx2.TransportError:
            self._on_failure()

    async def aclose(self) -> None:
        await self._body.aclose()
