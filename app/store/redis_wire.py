"""Redis's protocol: commands → bytes, bytes → replies.

Source: redis.io/docs/latest/develop/reference/protocol-spec (RESP2). Both ways are done by the
parser in C that redis-py has; what a server calls an error becomes redis-py's exception for it.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import hiredis
from redis.asyncio.connection import DefaultParser
from redis.exceptions import InvalidResponse

Command: TypeAlias = Sequence[bytes | str | int]

_NOT_WHOLE = object()
# By its own types, a command is one word.
_packed: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command


def packed(commands: Sequence[Command]) -> bytes:
    """Return commands as they are sent, in one go."""
    return b"".join([_packed(tuple(command)) for command in commands])


class Replies:
    """Reads what a server sends."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=DefaultParser.parse_error,
            notEnoughData=_NOT_WHOLE,
        )

    def feed(self, data: bytes) -> Sequence[Any]:
        """Return the replies that have become whole; errors are among them, not raised.

        Raises:
            InvalidResponse: these are no replies. Nothing more can be read.
        """
        self._reader.feed(data)
        found = []
        while (reply := self._reader.gets()) is not _NOT_WHOLE:
            found.append(reply)
        return found
