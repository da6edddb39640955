"""What a handler is called with: the invocation, its event, and the kind of that event."""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.lambda_runtime.invocation import Invocation
from app.requests.lambda_events import EventKind


class FunctionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The function, as the environment describes it."""

    name: str = ""
    version: str = "$LATEST"
    memory_mb: int = 0
    log_group: str = ""
    log_stream: str = ""


def read_function_config(environ: Mapping[str, str]) -> FunctionConfig:
    """Read the variables that Lambda sets. Some local Lambdas set only a few of them."""
    memory = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    return FunctionConfig(
        name=environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        version=environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        memory_mb=int(memory) if memory.isdecimal() else 0,
        log_group=environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
        log_stream=environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
    )


class LambdaCall(msgspec.Struct, frozen=True):
    """One invocation with its parsed event.

    ``event`` is ``None`` if the payload is not JSON. ``is_json`` tells that from the JSON ``null``.
    """

    invocation: Invocation
    kind: EventKind
    event: Any = None
    is_json: bool = True

    @property
    def is_direct(self) -> bool:
        """Whether the caller invoked the function itself, for which IAM has authorized it.

        Every front writes a ``requestContext`` into its events, including the fronts that we do not
        serve (WebSocket APIs, authorizers), and no client can remove it.
        """
        return not (isinstance(self.event, Mapping) and "requestContext" in self.event)
