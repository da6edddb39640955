"""The seam between a provider and the HTTP client that opens the model's stream.

`AiohttpOpener` is the lean one; `OpenAIOpener` goes through the openai package, for Azure and for
clients of one's own.
"""

from typing import Literal, Protocol, TypeAlias

# Below the base URL, which ends in /v1 for OpenAI.
ApiPath: TypeAlias = Literal["/chat/completions", "/responses"]

DEFAULT_BASE_URL = "https://api.openai.com/v1"


class ByteStream(Protocol):
    """The body of one response whose status is 2xx, as it comes."""

    @property
    def is_at_end(self) -> bool:
        """Whether it is known that nothing more comes."""
        ...

    async def read(self) -> bytes:
        """Return what the network brought since the last read; ``b""`` at the end.

        Raises:
            ProviderTimeout: nothing came for the opener's read time-out.
            ProviderError: the connection broke before the end of the body.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the connection: at once, unless the body was read to its end. Idempotent."""
        ...


class Opener(Protocol):
    """Sends one request and returns when the headers of the response are in."""

    async def open(self, path: ApiPath, body: bytes) -> ByteStream:
        """``POST`` the JSON text ``body``.

        Waits and tries again where that may help and no byte of an answer has come. Cancelling
        closes the connection.

        Raises:
            ProviderError: one of its subclasses, see `failures.error_for_status`;
                `ProviderNotConfigured` without a key for OpenAI's own server;
                `ProviderUnreachable` and `ProviderTimeout` without a response.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        ...
