"""A model behind an API, as the turn sees it."""

from typing import Protocol

from app.events import Emit
from app.messages import StepRequest


class Provider(Protocol):
    """Opens one stream of the model and reports what comes, as events."""

    async def stream_step(self, request: StepRequest, emit: Emit) -> None:
        """Call the model once.

        ``emit`` is awaited once per network read, with at least one event. The first event is
        `StepStart`, as soon as the model's response headers are in; the last is `StepEnd`, or
        `Error` when the stream broke off. Tool calls come as `ToolInputStart`, `ToolInputDelta`
        and at last `ToolInputAvailable` (or `ToolInputError` for arguments that are not JSON).

        Cancelling closes the connection to the model at once.

        Raises:
            ProviderError: the stream could not be opened; nothing has been emitted.
        """
        ...

    async def aclose(self) -> None:
        """Close what the provider holds open. Idempotent."""
        ...
