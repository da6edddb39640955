"""A plain handler for our runtime that yields the chunks of the event, each behind the gate."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any


def handler(event: dict[str, Any], context: object) -> Iterator[bytes]:
    with contextlib.ExitStack() as stack:
        gate: socket.socket | None = None
        if "gate" in event:
            gate = stack.enter_context(socket.create_connection(("127.0.0.1", event["gate"])))
        for chunk in event["chunks"]:
            if gate is not None:
                gate.recv(1)
            yield chunk.encode()
        if event.get("then") == "fail":
            raise RuntimeError("naïve")
