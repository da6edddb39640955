"""The wire formats towards the client. Everything here is sans-IO: events in, bytes out."""

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
        """The headers that the format itself asks for."""
        ...

    def encode(self, event: Event) -> bytes:
        """Return whole parts of the format, or ``b""`` where it has none for ``event``."""
        ...

    def keep_alive(self) -> bytes:
        """Return bytes that any client of the format ignores, or ``b""`` where there are none."""
        ...
