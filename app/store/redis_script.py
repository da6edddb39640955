"""A script that Redis runs, and what scripts begin with.

Each script's first key is where its names begin (`app.store.redis_keys`); what it touches besides
is in the same slot. Numbers that are times go through as text: Lua's are floating-point and exact
up to 2^53, which microseconds reach in 2255.
"""

from collections.abc import Mapping
from hashlib import sha1

import msgspec


class Script(msgspec.Struct, frozen=True):
    """A script and the name under which Redis keeps it."""

    text: bytes
    sha: bytes


def script(text: str) -> Script:
    data = text.strip().encode()
    return Script(data, sha1(data, usedforsecurity=False).hexdigest().encode())


def function(name: str, source: Script) -> str:
    """Return ``source`` as a function of its keys and its other values, for another script."""
    return f"local function {name}(KEYS, ARGV)\n{source.text.decode()}\nend\n"


def scripts_in(names: Mapping[str, object]) -> Mapping[bytes, Script]:
    """Return the scripts among the names of a module, by the name that Redis knows."""
    return {found.sha: found for found in names.values() if isinstance(found, Script)}


# How old the time of a change may be when it is made, in microseconds. What is listed of a change
# and was not made after twice that never will be.
LATE_US = 30_000_000

NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""
