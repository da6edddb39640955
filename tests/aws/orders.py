"""Events for the function `tests/emulator/functions/raw.py`, which does what its event says."""

import json


def payload(**order: object) -> bytes:
    """Return the event of a direct caller."""
    return json.dumps(order).encode()


def http_event(**order: object) -> bytes:
    """Return the event of a front, as far as the function looks at it."""
    return json.dumps({"requestContext": {}, "body": json.dumps(order)}).encode()
