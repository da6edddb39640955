"""Removes the prelude from a response that may or may not begin with one.

Lambda does not say which: `ResponseStreamContentType` is always that of the event stream. So the
bytes decide, and none is held back longer than it takes to rule a prelude out.
"""

import json
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
        self._held: bytes | None = b""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that certainly belong to the body; perhaps none yet."""
        if self._held is None:
            return data
        self._held += data
        if not _may_be_prelude(self._held):
            return self.close()
        decoder = PreludeDecoder()
        try:
            prelude = decoder.feed(self._held)
        except PreludeError:
            return self.close()
        if prelude is None:
            return b""
        self._held = None
        if self._on_status is not None:
            self._on_status(prelude.status_code)
        return decoder.rest

    def close(self) -> bytes:
        """Return the bytes held back: the response has ended, so they are no prelude."""
        held, self._held = self._held or b"", None
        return held


def _may_be_prelude(held: bytes) -> bool:
    if _START.match(held) is None:
        return len(held) < _LONGEST_START and _may_become_start(held)
    text = held.decode("utf-8", "replace")
    try:
        _, end = json.JSONDecoder().raw_decode(text.lstrip())
    except ValueError:
        return True  # incomplete
    after = text.lstrip()[end:]
    return not after or after.startswith("\0")


def _may_become_start(held: bytes) -> bool:
    compact = b"".join(held.split())
    starts = [f'{{"{key}"'.encode() for key in _KEYS]
    return any(start.startswith(compact) for start in starts)
