"""One invocation of a Lambda function, as the Runtime API hands it to a runtime.

Source: AWS's page "Using the Lambda runtime API"; header names as in awslambdaric 4.2,
awslambdaric/lambda_runtime_client.py.
"""

import json
import traceback
from collections.abc import Mapping
from typing import Any

import msgspec

from app.causes import text_of
from app.known_secrets import mask

# The longest that Lambda lets a function run.
_MAX_DURATION_MS = 900_000
# Enough for the year 33658. A number of 400 digits fits into no timer.
_MAX_DEADLINE_DIGITS = 15
_MAX_MESSAGE_CHARS = 8_000
_MAX_FRAMES = 30


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One invocation: a response to ``GET /invocation/next``.

    Attributes:
        payload: the event, as it was sent.
        deadline_ms: when Lambda stops the function, in milliseconds since 1970.
        client_context, identity: JSON values that mobile SDKs send; ``None`` from other callers.
    """

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str = ""
    trace_id: str | None = None
    client_context: Any = None
    identity: Any = None
    tenant_id: str | None = None


def read_invocation(
    headers: Mapping[str, str], payload: bytes, *, now_ms: int
) -> Invocation | None:
    """Return the invocation, or ``None`` if the headers hold no request id.

    A deadline that is missing, no number of milliseconds or in the past cannot be right, since
    Lambda would have stopped us. It is replaced by the latest possible one.

    Args:
        headers: of the response, with names in lower case.
        payload: the body of the response.
        now_ms: milliseconds since 1970.
    """
    request_id = headers.get("lambda-runtime-aws-request-id", "")
    if not request_id:
        return None
    deadline_ms = _milliseconds(headers.get("lambda-runtime-deadline-ms", ""))
    return Invocation(
        request_id=request_id,
        payload=payload,
        deadline_ms=deadline_ms if deadline_ms > now_ms else now_ms + _MAX_DURATION_MS,
        function_arn=headers.get("lambda-runtime-invoked-function-arn", ""),
        trace_id=headers.get("lambda-runtime-trace-id") or None,
        client_context=_json(headers.get("lambda-runtime-client-context")),
        identity=_json(headers.get("lambda-runtime-cognito-identity")),
        tenant_id=headers.get("lambda-runtime-aws-tenant-id") or None,
    )


def _milliseconds(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= _MAX_DEADLINE_DIGITS
    return int(text) if is_number else 0


def _json(text: str | None) -> Any:
    # The caller of the function wrote it. Invalid JSON is treated as missing.
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None


class FunctionError(msgspec.Struct, frozen=True):
    """The report of a failed invocation, or of a failed start.

    Attributes:
        code: ``Category.Reason``; callers see it as ``ErrorCode``.
        message: for the caller of the function.
        kind: callers see it as ``errorType``.
        stack_trace: lines, the outermost call first.
    """

    code: str
    message: str
    kind: str
    stack_trace: tuple[str, ...] = ()

    def body(self) -> bytes:
        """Return the JSON object that Lambda expects."""
        return json.dumps(
            {
                "errorMessage": self.message[:_MAX_MESSAGE_CHARS],
                "errorType": self.kind,
                "stackTrace": list(self.stack_trace),
            }
        ).encode()


def describe_exception(error: BaseException) -> FunctionError:
    """Return the report of an exception, with its message and stack as AWS's own runtime does."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:])
    name = type(error).__name__
    # AWS shows it to whoever invoked the function and keeps it in logs.
    stack = tuple(mask(frame) for frame in frames)
    return FunctionError(f"Function.{name}", text_of(error), name, stack)
