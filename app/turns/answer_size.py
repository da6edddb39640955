"""How much the model may say in one turn, over all of its steps.

What counts is what the message of the turn will hold of the model: text, reasoning with its proofs,
the arguments of calls, and what tools of the provider gave, files by the length of their addresses
(an image is one, in base64). The results of our own tools have their own limit.
"""

from collections.abc import Sequence

import msgspec

from app.events import (
    Event,
    File,
    ReasoningDelta,
    ReasoningRedacted,
    ReasoningSignature,
    Source,
    TextDelta,
    ToolInputAvailable,
    ToolInputDelta,
    ToolInputError,
    ToolOutputAvailable,
)
from app.growing_text import utf8_bytes
from app.protocols.json_text import dumps

# A part of a message takes about a kilobyte of memory, be it empty.
MAX_PARTS = 10_000


class AnswerSize:
    """Counts one turn.

    Args:
        max_bytes: the longest answer, in bytes of UTF-8.

    Attributes:
        is_over: the answer is too long.
    """

    __slots__ = ("_bytes", "_max_bytes", "_open", "_parts", "_written", "is_over")

    def __init__(self, max_bytes: int) -> None:
        self.is_over = False
        self._max_bytes = max_bytes
        self._bytes = 0
        self._parts = 0
        self._open: type[TextDelta | ReasoningDelta] | None = None  # the part that grows
        # Calls whose arguments have come in pieces; None until there is one.
        self._written: set[str] | None = None

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """Count the events of one network read (at least one); return those that still fit.

        These are all of them, or else `is_over` is true and the last may be cut.
        """
        first = events[0]
        if len(events) == 1 and type(first) is TextDelta is self._open:  # by far the most common
            text = first.text
            size = self._bytes + (len(text) if text.isascii() else utf8_bytes(text))
            if size <= self._max_bytes:
                self._bytes = size
                return events
        for place, event in enumerate(events):
            if type(event) is TextDelta or type(event) is ReasoningDelta:
                self._bytes += utf8_bytes(event.text)
                if type(event) is not self._open:
                    self._open = type(event)
                    self._parts += 1
            else:
                self._open = None
                self._add(event)
            if self._bytes > self._max_bytes or self._parts > MAX_PARTS:
                self.is_over = True
                return [*events[:place], *self._cut(event)]
        return events

    def _cut(self, event: Event) -> Sequence[Event]:
        """Return as much of ``event``, the first that does not fit, as does."""
        if self._parts > MAX_PARTS or not isinstance(event, TextDelta | ReasoningDelta):
            return ()
        data = event.text.encode("utf-8", "surrogatepass")
        text = data[: self._max_bytes - self._bytes].decode("utf-8", "ignore")
        return [msgspec.structs.replace(event, text=text)] if text else ()

    def _add(self, event: Event) -> None:
        if isinstance(event, ToolInputDelta):
            if self._written is None:
                self._written = set()
            self._written.add(event.tool_call_id)
            self._bytes += utf8_bytes(event.text)
            return
        self._parts += 1
        match event:
            case ToolInputAvailable() | ToolInputError():
                if self._written is None or event.tool_call_id not in self._written:
                    self._bytes += len(dumps(event.input))
            case ToolOutputAvailable():
                self._bytes += len(dumps(event.output))
            case ReasoningSignature(text) | ReasoningRedacted(text) | File(_, text):
                self._bytes += utf8_bytes(text)
            case Source():
                self._bytes += utf8_bytes(event.url or "") + utf8_bytes(event.title or "")
            case _:
                pass  # nothing of any length
