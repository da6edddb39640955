"""A model behind an API, as the turn sees it."""

from typing import Protocol

from app.events import Emit
from app.messages import StepRequest


class Provider(Protocol):
    """Calls a model and turns the stream of its response into events."""

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        """Call the model once.

        ``emit`` is awaited once per network read, with at least one event. The first event is
        `StepStart`, sent as soon as the response headers are in; the last is `StepEnd`, or `Error`
        if the stream broke off. A tool call is a `ToolInputStart`, any number of `ToolInputDelta`
        and a `ToolInputAvailable` (or `ToolInputError` if the arguments are not JSON).

        Cancelling closes the connection to the model at once.

        Raises:
            ProviderError: the stream could not be opened; nothing has been emitted.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        ...
