"""The tools that a turn may use: fixed ones, and those that servers have at the moment."""

from collections.abc import Mapping
from typing import Protocol

from app.tools.tool import Tool


class ToolSet(Protocol):
    """Which tools there are. May change between two turns, and with the owner."""

    def of(self, owner: str) -> Mapping[str, Tool]:
        """Return the tools that a turn of this owner may use now, by name."""
        ...

    def is_settled(self, owner: str) -> bool:
        """Return whether `settle` has nothing to wait for."""
        ...

    async def settle(self, owner: str) -> None:
        """Wait a moment for servers that have not said yet what tools they have."""
        ...


class FixedTools:
    """Tools that are the same all the time.

    Args:
        tools: by name.
    """

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools

    def of(self, owner: str) -> Mapping[str, Tool]:
        return self._tools

    def is_settled(self, owner: str) -> bool:
        return True

    async def settle(self, owner: str) -> None:
        return
