"""Takes the prelude off an answer that may or may not begin with one.

Lambda does not say which: `ResponseStreamContentType` is always that of the event stream. So the
bytes decide, and no byte of an answer without a prelude waits longer than it must.
"""

import json
import re
from collections.abc import Callable

from app.aws.http_integration import PreludeDecoder, PreludeError

# How a prelude begins: an object whose first key is one that a prelude may have. The runtimes of
# AWS write no space; others may.
_KEYS = ("statusCode", "headers", "multiValueHeaders", "cookies")
_START = re.compile(rf'\s*\{{\s*"(?:{"|".join(_KEYS)})"'.encode())
_LONGEST_START = 64


class PreludeStripper:
    """Passes an answer on, without the prelude.

    Args:
        on_status: told the status of the prelude, once it is complete.
    """

    def __init__(self, on_status: Callable[[int], None] | None = None) -> None:
        self._on_status = on_status
        self._held: bytes | None = b""

    def feed(self, data: bytes) -> bytes:
        """Return what of the answer is certain to be its body, maybe nothing yet."""
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
        """Return what was held back: the answer ended, and it was no prelude."""
        held, self._held = self._held or b"", None
        return held


def _may_be_prelude(held: bytes) -> bool:
    if _START.match(held) is None:
        return len(held) < _LONGEST_START and _may_become_start(held)
    text = held.decode("utf-8", "replace")
    try:
        _, end = json.JSONDecoder().raw_decode(text.lstrip())
    except ValueError:
        return True  # not whole yet
    after = text.lstrip()[end:]
    return not after or after.startswith("\0")


def _may_become_start(held: bytes) -> bool:
    compact = b"".join(held.split())
    starts = [f'{{"{key}"'.encode() for key in _KEYS]
    return any(start.startswith(compact) for start in starts)
