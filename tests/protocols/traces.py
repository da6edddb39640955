"""Golden traces: the bytes of real servers, recorded from the published packages."""

from collections.abc import Iterable
from pathlib import Path

from app.events import Event
from app.protocols import Encoder
from app.protocols.framing import Framer

TRACES = Path(__file__).parent.parent / "traces"


def golden(name: str) -> bytes:
    """Return the recorded bytes of ``<sdk>/<scenario>``."""
    return (TRACES / f"{name}.stream").read_bytes()


def encode(encoder: Encoder, events: Iterable[Event]) -> bytes:
    """Return the bytes of a whole turn, each event checked against the grammar."""
    framer = Framer(encoder)
    return b"".join(framer.frame([event]) for event in events)
