r"""Keys that end the whole answer in AI SDK 5 to 7, and how they are sent instead.

These clients look through every chunk, however deep, and refuse it if an object has a key
``__proto__``, or a key ``constructor`` that holds an object with a key ``prototype`` (older ones
also one that holds null). A page that a tool quotes could hold such a key. It is sent with a ``$``
in front::

    {"__proto__": 1}  →  {"$__proto__": 1}

A key that begins with dollars already gets one more, so that `restore` finds each key again in the
history that the client posts. Keys inside of strings (text, deltas of a call's arguments) are text.

Source: vercel/ai, packages/provider-utils/src/secure-json-parse.ts, as in ai 5.0.0 to 7.0.173; AI
SDK 3.4 and 4 refuse nothing, but what they keep is spread and merged by the page like the rest.
"""

import re
from typing import Any

# In compact JSON a quote after a brace or a comma is not inside of a string, where it would have a
# backslash before it; and what stands before a colon is a key.
_PROTO = re.compile(rb'(?<=[{,])"(?=\$*__proto__":)')
_CONSTRUCTOR = re.compile(rb'(?<=[{,])"(?=\$+constructor":|constructor":null)')
_HOLDER = re.compile(rb'(?<=[{,])"(?=\$+constructor":|constructor":(?:null|\{))')

_SENT = re.compile(r"\$+(?:__proto__|constructor)")


def neutralise(text: bytes) -> bytes:
    """Return compact JSON without the keys that clients refuse.

    Where any object of ``text`` has a key ``prototype``, each ``constructor`` that holds an object
    counts as one that they refuse.
    """
    if b'__proto__":' in text:
        text = _PROTO.sub(b'"$', text)
    if b'constructor":' in text:
        keys = _HOLDER if b'"prototype":' in text else _CONSTRUCTOR
        text = keys.sub(b'"$', text)
    return text


def may_hold_neutralised(text: bytes) -> bool:
    """Return whether `restore` may find anything in the JSON ``text``."""
    # Most texts have no dollar at all.
    return b"$" in text and (b"$__proto__" in text or b"$constructor" in text)


def restore(value: Any) -> None:
    """Give the keys in parsed JSON, which a client has got from us, their own names again."""
    nodes = [value]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if any(_SENT.fullmatch(key) for key in node):
                items = list(node.items())
                node.clear()
                node.update((key[1:] if _SENT.fullmatch(key) else key, item) for key, item in items)
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
