"""Where a remote tool is called and how to unwrap its response: Function URL or Lambda's API.

Source of the paths: the contract of Solace Agent Mesh's `lambda` executor; AWS's API reference,
`InvokeWithResponseStream`.
"""

import re
from typing import Protocol
from urllib.parse import quote, urlsplit

import msgspec

from app.aws.event_stream import EventDecoder, EventStreamError, InvokeComplete, PayloadChunk
from app.aws.prelude_stripper import PreludeStripper
from app.tools.definition import ToolDefinitionError, ToolError

_URL_REGION = re.compile(r"\.lambda-url\.([a-z0-9-]+)\.on\.(?:aws|amazonwebservices\.com\.cn)$")
_ARN = re.compile(r"arn:(aws[a-z-]*):lambda:([a-z0-9-]+):\d{12}:function:[\w-]+(?::[\w$-]+)?")


class Target(msgspec.Struct, frozen=True):
    """Where to POST a call. ``region`` is set if the request has to be signed.

    ``is_invocation`` says that the address is one of Lambda's API.
    """

    url: str
    region: str | None
    is_invocation: bool


def function_url_target(name: str, function_url: str, region: str | None) -> Target:
    """Return the target of a Function URL, or of any other server that speaks tool streams.

    Raises:
        ToolDefinitionError: ``function_url`` is not an http(s) URL.
    """
    parts = urlsplit(function_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ToolDefinitionError(f"The function_url of {name} must be an http(s) address.")
    url = function_url.rstrip("/")
    if not url.endswith("/invoke"):
        url += "/invoke"
    found = _URL_REGION.search(parts.hostname)
    return Target(url, region or (found[1] if found else None), is_invocation=False)


def function_arn_target(name: str, function_arn: str, endpoint_url: str | None) -> Target:
    """Return the target of a function that is called through Lambda's API.

    Raises:
        ToolDefinitionError: ``function_arn`` is not the ARN of a function.
    """
    found = _ARN.fullmatch(function_arn)
    if found is None:
        raise ToolDefinitionError(f"The function_arn of {name} is not the ARN of a function.")
    suffix = "amazonaws.com.cn" if found[1] == "aws-cn" else "amazonaws.com"
    endpoint = endpoint_url or f"https://lambda.{found[2]}.{suffix}"
    path = f"/2021-11-15/functions/{quote(function_arn, safe='')}/response-streaming-invocations"
    return Target(endpoint.rstrip("/") + path, found[2], is_invocation=True)


class Unwrapper(Protocol):
    """Extracts the lines of a tool stream from the bytes of a response body."""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of lines in ``data``. Raises `ToolError`."""
        ...

    def close(self) -> bytes:
        """End the body; return the bytes that were held back. Raises `ToolError`."""
        ...


class PlainBody:
    """The response body of a Function URL: the lines as they are."""

    def feed(self, data: bytes) -> bytes:
        return data

    def close(self) -> bytes:
        return b""


class EventStreamBody:
    """The response body of Lambda's API: an event stream.

    A function that speaks HTTP, for example behind the Lambda Web Adapter, sends a prelude with its
    HTTP status before its lines.
    """

    def __init__(self, tool_name: str) -> None:
        self._tool_name = tool_name
        self._events = EventDecoder()
        self._prelude = PreludeStripper(self._check_status)

    def feed(self, data: bytes) -> bytes:
        try:
            events = self._events.feed(data)
        except EventStreamError as error:
            raise unreadable(self._tool_name) from error
        lines = b""
        for event in events:
            match event:
                case PayloadChunk(payload):
                    lines += self._prelude.feed(payload)
                case InvokeComplete(code):
                    if code is not None:
                        raise self._failed(code)
                case _:
                    raise self._failed(event.name)
        return lines

    def close(self) -> bytes:
        return self._prelude.close()

    def _failed(self, code: str) -> ToolError:
        return ToolError(f"{self._tool_name} failed on Lambda ({code[:100]}).", code=code)

    def _check_status(self, status: int) -> None:
        check_status(self._tool_name, status)


def check_status(tool_name: str, status: int) -> None:
    """Accept an HTTP status of 2xx.

    Raises:
        ToolError: the status is another one. Its code is ``HTTP_<status>``.
    """
    if 200 <= status < 300:
        return
    reasons = {
        401: "; it wants other credentials",
        403: "; this server is not allowed to call it",
        404: "; there is nothing at its address",
        413: "; the input is too large for it",
        429: "; it is called too often",
    }
    raise ToolError(
        f"{tool_name} answered with HTTP status {status}{reasons.get(status, '')}.",
        code=f"HTTP_{status}",
    )


def unreadable(tool_name: str) -> ToolError:
    """Return the error for a response that is not a tool stream."""
    return ToolError(f"The answer of {tool_name} is not a tool stream.", code="BAD_LINE")
