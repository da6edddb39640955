"""What a handler is called with."""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.lambda_runtime.invocation import Invocation
from app.requests.lambda_events import EventKind


class FunctionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What Lambda says about the function in the environment."""

    name: str = ""
    version: str = "$LATEST"
    memory_mb: int = 0
    log_group: str = ""
    log_stream: str = ""


def read_function_config(environ: Mapping[str, str]) -> FunctionConfig:
    """Read the names that Lambda reserves; some local Lambdas set only a few of them."""
    memory = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    return FunctionConfig(
        name=environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        version=environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        memory_mb=int(memory) if memory.isdecimal() else 0,
        log_group=environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
        log_stream=environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
    )


class LambdaCall(msgspec.Struct, frozen=True):
    """One invocation and what was found out about its event.

    ``event`` is the parsed payload; ``None`` too if it is no JSON, with ``is_json`` false.
    """

    invocation: Invocation
    kind: EventKind
    event: Any = None
    is_json: bool = True

    @property
    def is_direct(self) -> bool:
        """Whether the function itself was invoked, which takes leave from IAM.

        Fronts write a ``requestContext`` into every event, even those (WebSocket APIs, authorizers)
        whose events are no requests to us; a client of theirs cannot take it away.
        """
        return not (isinstance(self.event, Mapping) and "requestContext" in self.event)
