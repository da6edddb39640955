"""Secrets on Pulumi's wire: a value in an object that says so.

Source: pulumi/pulumi, sdk/python/lib/pulumi/runtime/rpc.py.
"""

from typing import Any

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


def is_marked(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET


def secret(value: str) -> dict[str, Any]:
    """Return a value as a provider's answer marks a secret."""
    return {_SIGNATURE: _SECRET, "value": value}


def plain(value: Any) -> Any:
    if is_marked(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    # Every number is a float on Pulumi's wire.
    return int(value) if isinstance(value, float) and value.is_integer() else value
