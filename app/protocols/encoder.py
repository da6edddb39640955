"""What every wire format towards the client is: an encoder of events. None of them does I/O."""

from collections.abc import Mapping
from typing import Protocol

from app.events import Event


class Encoder(Protocol):
    """Encodes the events of one turn, in the order that `app.grammar` allows."""

    @property
    def media_type(self) -> str:
        """The value of ``content-type``."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that the format itself requires."""
        ...

    def encode(self, event: Event, by_provider: bool = False, /) -> bytes:
        """Return whole parts of the format, or ``b""`` where it has none for ``event``.

        Args:
            by_provider: ``event`` is about a tool call that the model's provider runs, as
                `Order.check` says.
        """
        ...

    def keep_alive(self) -> bytes:
        """Return bytes that every client of the format ignores, or ``b""`` if there are none."""
        ...
