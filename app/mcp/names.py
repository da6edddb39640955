"""What the tools of a server are called here: ``server_tool``, so that none takes another's name.

OpenAI's API takes 64 letters, digits, ``_`` and ``-``; servers use dots, slashes and any length.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

MOST_CHARS = 64
MOST_SERVER_CHARS = 32

_OTHER = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)
_MARK_CHARS = 6


def server_name(text: str) -> str:
    """Return ``text`` as the name of a server.

    Raises:
        ValueError: nothing is left of it; the message is one sentence.
    """
    name = _OTHER.sub("_", text.strip())[:MOST_SERVER_CHARS].strip("_-")
    if not name:
        raise ValueError(f"An MCP server cannot be called {text!r}: use letters and digits.")
    return name


def mixed_up(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two servers whose tools could get the same name: twice the same, or `a` and `a_b`."""
    # In this order, whatever begins with a name and a `_` comes after it.
    known: list[str] = []
    for name in sorted(names, key=len):
        for other in known:
            if name == other or name.startswith(f"{other}_"):
                return other, name
        known.append(name)
    return None


def tool_names(server: str, names: Iterable[str]) -> Mapping[str, str]:
    """Return what the tools of ``server`` are called here: its name → ours.

    A name stays the same, whatever other tools the server has. One that had to be changed ends with
    a mark of what it was.
    """
    return {name: _tool_name(server, name) for name in names}


def _tool_name(server: str, name: str) -> str:
    ours = f"{server}_{name}"
    if len(ours) <= MOST_CHARS and not _OTHER.search(name):
        return ours
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_CHARS]
    return f"{_OTHER.sub('_', ours)[: MOST_CHARS - 1 - _MARK_CHARS]}_{mark}"
