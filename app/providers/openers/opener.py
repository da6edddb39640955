"""The seam between a provider and the HTTP client that opens the model's stream.

`HttpToolsOpener` is our own, and the default. `OpenAIOpener` uses the openai package: for Azure,
and for clients that the application made itself. `AiohttpOpener` uses aiohttp; it came before ours,
and stays to compare with and to fall back on.
"""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias, TypeGuard

# Below the base URL, which ends in /v1 for OpenAI.
ApiPath: TypeAlias = Literal["/chat/completions", "/responses"]

DEFAULT_BASE_URL = "https://api.openai.com/v1"


class ByteStream(Protocol):
    """The body of one response with a 2xx status, read as it arrives, never decompressed."""

    @property
    def is_at_end(self) -> bool:
        """Whether the body is known to be at its end."""
        ...

    async def read(self) -> bytes:
        """Return the bytes that arrived since the last read; ``b""`` at the end.

        Raises:
            ProviderTimeout: nothing arrived within the opener's read time-out.
            ProviderError: the connection broke before the end of the body.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection, or return it to the pool if the body is at its end. Idempotent."""
        ...


class PushedStream(ByteStream, Protocol):
    """A stream that also tells when bytes have come, so that nobody has to wait in `read`."""

    def take(self) -> bytes | None:
        """Return what has come since the last call, without waiting.

        ``b""`` is the end, None that there is nothing yet.

        Raises:
            ProviderTimeout, ProviderError: as for `read`.
        """
        ...

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call ``listener`` whenever `take` may have something new: bytes, the end or an error.

        It is called from the event loop's own callback: it must not raise. What is here already it
        is not told of. While there is one, nobody may be in `read`; None ends that.
        """
        ...


def is_pushed(stream: ByteStream) -> TypeGuard[PushedStream]:
    """Whether ``stream`` tells when bytes have come."""
    # Asked once a step; Python looks through a whole protocol anew for each `isinstance`.
    return hasattr(stream, "listen")


class Opener(Protocol):
    """Sends a request and returns as soon as the response headers are in."""

    async def open(self, path: ApiPath, body: bytes) -> ByteStream:
        """``POST`` the JSON text ``body``.

        Waits and tries again if that may help, as long as no response is in. Redirects are not
        followed, since the conversation would go along to wherever they lead. Cancelling closes
        the connection.

        Raises:
            ProviderNotConfigured: there is no key for OpenAI's own server.
            ProviderUnreachable, ProviderTimeout: there was no response.
            OutOfDescriptors: this process may open no connection.
            ProviderError: the status is not 2xx (see `failures.error_for_status` for the subclass),
                or the body is compressed, which nobody asked for.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        ...
