"""Removes the prelude from a response that may or may not begin with one.

Lambda does not say which: `ResponseStreamContentType` is always that of the event stream. So the
bytes decide, and none is held back longer than it takes to rule a prelude out.
"""

import re
from collections.abc import Callable

from app.aws.http_integration import PreludeDecoder, PreludeError

# The start of a prelude: an object whose first key is one of a prelude's. The runtimes of AWS write
# no white space there; others may.
_KEYS = ("statusCode", "headers", "multiValueHeaders", "cookies")
_START = re.compile(rf'\s*\{{\s*"(?:{"|".join(_KEYS)})"'.encode())
_LONGEST_START = 64


class PreludeStripper:
    """Passes a response on without its prelude.

    Args:
        on_status: called with the status of the prelude, once that is complete.
    """

    def __init__(self, on_status: Callable[[int], None] | None = None) -> None:
        self._on_status = on_status
        self._held: bytearray | None = bytearray()
        self._decoder = PreludeDecoder()
        self._object = _ObjectEnd()

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that certainly belong to the body; perhaps none yet."""
        held = self._held
        if held is None:
            return data
        held += data
        if not (
            _may_start(bytes(held[:_LONGEST_START])) and self._object.may_be_followed_by_nul(held)
        ):
            return self.close()
        try:
            prelude = self._decoder.feed(data)
        except PreludeError:
            return self.close()
        if prelude is None:
            return b""
        self._held = None
        if self._on_status is not None:
            self._on_status(prelude.status_code)
        return self._decoder.rest

    def close(self) -> bytes:
        """Return the bytes held back: the response has ended, so they are no prelude."""
        held, self._held = self._held or b"", None
        return bytes(held)


def _may_start(head: bytes) -> bool:
    """Return whether bytes that begin with ``head`` can have the start of a prelude."""
    if _START.match(head) is not None:
        return True
    compact = b"".join(head.split())
    starts = (f'{{"{key}"'.encode() for key in _KEYS)
    return len(head) < _LONGEST_START and any(start.startswith(compact) for start in starts)


class _ObjectEnd:
    """Finds the end of the JSON object that a text begins with, and looks at no byte twice.

    It only counts brackets. Whether the text is JSON, the decoder of preludes knows.
    """

    _outside = re.compile(rb'["{}\[\]]')
    _in_string = re.compile(rb'\\.|"', re.DOTALL)

    def __init__(self) -> None:
        self._depth = 0
        self._is_string = False
        self._seen = 0
        self._end: int | None = None

    def may_be_followed_by_nul(self, text: bytearray) -> bool:
        """Return whether the object has not ended, or nothing but a NUL follows its end.

        Args:
            text: that of the call before, and more.
        """
        while self._end is None:
            pattern = self._in_string if self._is_string else self._outside
            found = pattern.search(text, self._seen)
            if found is None:
                # The first half of an escape is read again, together with the second.
                is_half = self._is_string and text.endswith(b"\\", self._seen)
                self._seen = len(text) - is_half
                return True
            self._seen = found.end()
            self._take(found[0])
        return bytes(text[self._end : self._end + 1]) in (b"", b"\0")

    def _take(self, token: bytes) -> None:
        if token == b'"':
            self._is_string = not self._is_string
        elif not self._is_string:
            self._depth += 1 if token in b"{[" else -1
            if self._depth == 0:
                self._end = self._seen
