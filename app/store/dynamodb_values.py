"""Texts, numbers and bytes ↔ what DynamoDB's JSON has for them, and keys made of any text.

DynamoDB's strings are UTF-8, which has no lone surrogates: such a text is stored as bytes. A key
has 2048 bytes at most, so a long text is in it as a hash.

Source: DynamoDB's API reference, "AttributeValue"; its developer guide, "Naming rules and data
types" and "Quotas" (partition key 2048 bytes, sort key 1024 bytes, item 400 KB).
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

# An attribute's value as DynamoDB writes it: {"S": "text"}, {"N": "12"}, {"B": "base64"}, …
Value: TypeAlias = Mapping[str, Any]
Item: TypeAlias = Mapping[str, Value]

# What a part of a key may have, in characters, all of them ASCII.
_MAX_KEY_CHARS = 400


def text_value(text: str) -> Value:
    """Return the value of any text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return bytes_value(text.encode("utf-8", "surrogatepass"))
    return {"S": text}


def number_value(number: float) -> Value:
    """Return the value of a number, to the last digit of a Unix time in microseconds."""
    return {"N": repr(number)}


def bytes_value(data: bytes) -> Value:
    """Return the value of bytes, which may be none."""
    return {"B": b64encode(data).decode()}


def text_of(value: Value) -> str:
    """Return the text that `text_value` was given."""
    if "S" in value:
        text: str = value["S"]
        return text
    return bytes_of(value).decode("utf-8", "surrogatepass")


def optional_text_of(value: Value | None) -> str | None:
    """Return the same; None if there is no such attribute."""
    return None if value is None else text_of(value)


def whole_of(value: Value) -> int:
    """Return a whole number."""
    return int(value["N"])


def number_of(value: Value) -> float:
    """Return a number."""
    return float(value["N"])


def bytes_of(value: Value) -> bytes:
    """Return the bytes that `bytes_value` was given."""
    return b64decode(value["B"])


def key_part(text: str) -> str:
    """Return ``text`` as it stands in a key: ASCII without ``#``, never that of another text."""
    quoted = quote(text, safe="@:+=,", errors="surrogatepass").replace("~", "%7E")
    if len(quoted) <= _MAX_KEY_CHARS:
        return quoted
    return "~" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
