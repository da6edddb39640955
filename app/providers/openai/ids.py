"""Ids for tool calls and sources, unique within a chat."""

from collections.abc import Callable, Iterable
from typing import TypeAlias
from uuid import uuid4

# Makes an id from a prefix such as "call".
NewId: TypeAlias = Callable[[str], str]


def new_id(prefix: str) -> str:
    """Return an id that nothing else has, in OpenAI's form: ``call_`` and 24 hex digits."""
    return f"{prefix}_{uuid4().hex[:24]}"


class CallIds:
    """Gives the tool calls of a step their ids.

    A call keeps the id that the server gave it, unless that is empty or another call of the chat
    has it.

    Args:
        taken_ids: the ids of the calls in the history.
        new_id: makes an id for a call that cannot keep its own.
    """

    def __init__(self, taken_ids: Iterable[str], new_id: NewId) -> None:
        self._taken = set(taken_ids)
        self._new_id = new_id

    def take(self, upstream_id: str | None) -> str:
        """Return the id for a call that the server calls ``upstream_id``."""
        call_id = upstream_id
        while not call_id or call_id in self._taken:
            call_id = self._new_id("call")
        self._taken.add(call_id)
        return call_id
