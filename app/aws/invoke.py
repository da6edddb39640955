"""Invokes a streaming function, by `InvokeWithResponseStream` or through its Function URL.

The caller gets the response while it arrives. Easy to get wrong: an error of the function is not an
exception of the SDK but a part of the stream; a stream without its last part was cut off; the SDK's
retries would run a chat twice; and a function that serves HTTP begins its response with a prelude.

boto3 is an optional dependency (extra ``aws``), imported only when a call is made.
"""

import contextlib
import json
import re
import struct
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from app.aws.prelude_stripper import PreludeStripper

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient
    from types_boto3_lambda.type_defs import InvokeWithResponseStreamCompleteEventTypeDef
    from urllib3.response import BaseHTTPResponse

T = TypeVar("T")

# Longer than any silence on Lambda: an invocation ends after 15 minutes.
DEFAULT_TIMEOUT_S = 910.0
_CONNECT_TIMEOUT_S = 10.0
_DEFAULT_REGION = "us-east-1"
_READ_BYTES = 65536
_URL_REGION = re.compile(r"\.lambda-url\.([a-z0-9-]+)\.on\.aws$")


class InvokeError(Exception):
    """The invocation failed. The text is a sentence for a person.

    Attributes:
        code: Lambda's ``ErrorCode`` or the name of its exception, or one of ours: ``Timeout`` (we
            waited too long for data), ``Incomplete``, ``Unreachable``, ``Unreadable``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def timed_out(self) -> bool:
        """Whether our timeout or the function's expired, or the function reported one itself."""
        return re.search(r"timed?[ _-]?out", self.code, re.IGNORECASE) is not None


def invoke_streaming(
    function_name: str,
    payload: bytes,
    *,
    endpoint_url: str | None = None,
    region: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    on_status: Callable[[int], None] | None = None,
) -> Generator[bytes, None, None]:
    """Invoke a function and yield the pieces of its response as they arrive, without a prelude.

    Args:
        function_name: name or ARN.
        payload: the event, JSON in UTF-8, up to 6 MB.
        endpoint_url: replaces AWS's endpoint, such as ``http://127.0.0.1:9000`` for the emulator.
        timeout_s: the longest silence to wait for, in seconds.
        on_status: called with the HTTP status of a prelude.

    Raises:
        InvokeError: Lambda refused, the function failed (perhaps after some pieces), nothing came
            for ``timeout_s``, or the stream ended without `InvokeComplete`.
        ModuleNotFoundError: boto3 is not installed.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
    from urllib3.exceptions import HTTPError
    from urllib3.exceptions import ReadTimeoutError as StreamTimeoutError

    client = _lambda_client(endpoint_url, region, timeout_s)
    stripper = PreludeStripper(on_status)
    try:
        response = client.invoke_with_response_stream(FunctionName=function_name, Payload=payload)
        complete: InvokeWithResponseStreamCompleteEventTypeDef | None = None
        with contextlib.closing(response["EventStream"]) as events:
            for event in _readable(events):
                if "PayloadChunk" in event:
                    if piece := stripper.feed(event["PayloadChunk"]["Payload"]):
                        yield piece
                elif "InvokeComplete" in event:
                    complete = event["InvokeComplete"]
        if piece := stripper.close():
            yield piece
    except (ReadTimeoutError, StreamTimeoutError) as error:
        raise _silence(timeout_s) from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code") or "Refused"
        raise InvokeError(code, f"Lambda refused to invoke {function_name}: {error}") from error
    except (BotoCoreError, HTTPError) as error:
        raise InvokeError("Unreachable", f"The connection to Lambda failed: {error}") from error
    finally:
        client.close()
    if complete is None:
        raise _incomplete()
    if "ErrorCode" in complete:
        code, details = complete["ErrorCode"], _error_message(complete.get("ErrorDetails", ""))
        raise InvokeError(code, f"The function failed with {code}: {details}".rstrip(": "))


def post_streaming(
    url: str,
    payload: bytes,
    *,
    region: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    on_status: Callable[[int], None] | None = None,
) -> Generator[bytes, None, None]:
    """Post to a Function URL, signed with SigV4 if there are credentials; yield the pieces.

    Raises:
        InvokeError: as `invoke_streaming`; if the connection breaks, its code is ``Incomplete``.
        ModuleNotFoundError: boto3 is not installed.
    """
    import urllib3
    from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

    headers = signed_headers(url, payload, region)
    timeout = urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=timeout_s)
    with urllib3.PoolManager() as pool:
        try:
            response = pool.request(
                "POST",
                url,
                body=payload,
                headers=headers,
                timeout=timeout,
                retries=False,
                preload_content=False,
            )
            if on_status is not None:
                on_status(response.status)
            with contextlib.closing(response):
                yield from _received(response)
        except ReadTimeoutError as error:
            raise _silence(timeout_s) from error
        except ProtocolError as error:
            raise _incomplete() from error
        except HTTPError as error:
            raise InvokeError("Unreachable", f"The request to {url} failed: {error}") from error


def _lambda_client(
    endpoint_url: str | None, region: str | None, timeout_s: float
) -> "LambdaClient":
    import boto3
    from botocore.config import Config

    session = boto3.Session(region_name=region)
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=timeout_s,
        retries={"total_max_attempts": 1},
    )
    region = session.region_name or _DEFAULT_REGION
    # The emulator checks no signature: it needs no account, and must not be sent real keys.
    made_up = "emulated" if endpoint_url is not None and _is_local(endpoint_url) else None
    client: LambdaClient = session.client(
        "lambda",
        endpoint_url=endpoint_url,
        region_name=region,
        config=config,
        aws_access_key_id=made_up,
        aws_secret_access_key=made_up,
    )
    client.meta.events.register("before-parse.lambda", _read_as_it_arrives)
    return client


def _read_as_it_arrives(response_dict: dict[str, Any], **_: object) -> None:
    """Let botocore read the event stream with `_received`. It emits this before it parses."""
    body = response_dict["body"]
    if hasattr(body, "read1"):  # not the bytes of an error
        response_dict["body"] = _ReceivedBody(body)


def _readable(events: Iterable[T]) -> Iterator[T]:
    """Yield the events that botocore reads.

    It has no one error for what it cannot read: besides its own there are those of `struct`, of
    `json` and of the dictionary of header types.
    """
    from botocore.eventstream import ParserError
    from botocore.parsers import ResponseParserError

    try:
        yield from events
    except (ParserError, ResponseParserError, ValueError, LookupError, struct.error) as error:
        text = "What came is not an event stream of Lambda's; the answer is not whole."
        raise InvokeError("Unreadable", text) from error


class _ReceivedBody:
    """A body with the two methods of urllib3's that botocore's event stream uses."""

    def __init__(self, body: "BaseHTTPResponse") -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        return _received(self._body)

    def close(self) -> None:
        self._body.close()


def _received(body: "BaseHTTPResponse") -> Iterator[bytes]:
    """Yield the bytes of a body as the network brings them.

    urllib3's own `stream` waits for a whole HTTP chunk, or for 64 KiB, and drops what it has of it
    if the connection breaks meanwhile.
    """
    while data := body.read1(_READ_BYTES):
        yield data


def signed_headers(url: str, payload: bytes, region: str | None) -> dict[str, str]:
    """Return the headers of a POST to a Function URL, with SigV4 if there are credentials.

    The region comes from the host name if it is AWS's own, else it is ``region``, else the
    configured one. A URL with auth NONE needs no signature, and the emulator checks none.
    """
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("POST", url, {"content-type": "application/json"}, payload)
    session = boto3.Session(region_name=region)
    credentials = None if _is_local(url) else session.get_credentials()
    if credentials is not None:
        in_host = _URL_REGION.search(urlsplit(url).hostname or "")
        signing_region = in_host[1] if in_host else region or session.region_name
        SigV4Auth(credentials, "lambda", signing_region or _DEFAULT_REGION).add_auth(request)
    return dict(request.headers.items())


def _is_local(url: str) -> bool:
    return (urlsplit(url).hostname or "") in ("localhost", "127.0.0.1", "::1")


def _error_message(details: str) -> str:
    """Return the message in Lambda's usual error object, or ``details`` if it is something else."""
    try:
        message = json.loads(details)["errorMessage"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return details
    return str(message)


def _silence(timeout_s: float) -> InvokeError:
    return InvokeError("Timeout", f"Nothing came for {timeout_s:g} s; --timeout bears more.")


def _incomplete() -> InvokeError:
    return InvokeError("Incomplete", "The stream was cut: it has no end. The answer is not whole.")
