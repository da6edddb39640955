"""`app.tools.remote_call`: addresses of remote tools, and what their responses are wrapped in."""

from collections.abc import Sequence

import pytest

from app.aws.event_stream import (
    InvokeComplete,
    PayloadChunk,
    StreamEvent,
    StreamException,
    encode_event,
)
from app.tools import ToolDefinitionError, ToolError
from app.tools.remote_call import (
    EventStreamBody,
    PlainBody,
    check_status,
    function_arn_target,
    function_url_target,
    unreadable,
)

ARN = "arn:aws:lambda:eu-north-1:123456789012:function:weather"
PRELUDE = b'{"statusCode":200,"headers":{}}' + b"\0" * 8


@pytest.mark.parametrize(
    ("url", "target", "region"),
    [
        ("https://a.lambda-url.eu-north-1.on.aws", "/invoke", "eu-north-1"),
        ("https://a.lambda-url.us-east-1.on.aws/", "/invoke", "us-east-1"),
        ("https://a.lambda-url.us-east-1.on.aws/invoke", "", "us-east-1"),
        ("https://a.lambda-url.us-east-1.on.aws/x//", "/invoke", "us-east-1"),
        ("https://example.org", "/invoke", None),
        ("https://a.lambda-url.us-east-1.on.aws.example.org", "/invoke", None),
    ],
)
def test_the_address_and_the_region_come_from_the_url(
    url: str, target: str, region: str | None
) -> None:
    found = function_url_target("w", url, None)

    assert found.url == url.rstrip("/") + target
    assert found.region == region
    assert not found.is_invocation


def test_the_address_and_the_region_come_from_the_arn() -> None:
    plain = function_arn_target("w", ARN + ":live", None)
    china = function_arn_target("w", ARN.replace("arn:aws:", "arn:aws-cn:"), None)

    assert plain.url == (
        "https://lambda.eu-north-1.amazonaws.com/2021-11-15/functions/arn%3Aaws%3Alambda%3A"
        "eu-north-1%3A123456789012%3Afunction%3Aweather%3Alive/response-streaming-invocations"
    )
    assert (plain.region, plain.is_invocation) == ("eu-north-1", True)
    assert china.url.startswith("https://lambda.eu-north-1.amazonaws.com.cn/")


def test_a_region_that_is_given_wins_over_that_of_the_url() -> None:
    url = "https://a.lambda-url.eu-north-1.on.aws"

    assert function_url_target("w", url, "us-east-1").region == "us-east-1"
    assert function_url_target("w", "https://example.org", "us-east-1").region == "us-east-1"


def test_an_endpoint_of_ones_own_takes_the_place_of_lambdas() -> None:
    target = function_arn_target("w", ARN, "http://127.0.0.1:4566/")

    assert target.url.startswith("http://127.0.0.1:4566/2021-11-15/functions/arn")


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "https://", ""])
def test_a_function_url_has_to_be_an_http_address(url: str) -> None:
    with pytest.raises(ToolDefinitionError, match="The function_url of w must be an http"):
        function_url_target("w", url, None)


@pytest.mark.parametrize("arn", ["weather", "arn:aws:s3:::bucket", ARN + ":", f" {ARN}"])
def test_a_function_arn_has_to_be_that_of_a_function(arn: str) -> None:
    with pytest.raises(ToolDefinitionError, match="is not the ARN of a function"):
        function_arn_target("w", arn, None)


def test_nothing_is_wrapped_around_the_lines_of_a_function_url() -> None:
    body = PlainBody()

    assert body.feed(b"some lines") + body.close() == b"some lines"


def wire(*events: StreamEvent) -> bytes:
    return b"".join(encode_event(event) for event in events)


def unwrapped(data: bytes, sizes: Sequence[int] = ()) -> bytes:
    """Feed ``data`` in pieces of these sizes, the rest in one, and return the lines."""
    body, lines = EventStreamBody("w"), b""
    for size in sizes:
        lines += body.feed(data[:size])
        data = data[size:]
    return lines + body.feed(data) + body.close()


@pytest.mark.parametrize("prelude", [b"", PRELUDE], ids=["direct", "through the adapter"])
@pytest.mark.parametrize("sizes", [(), (1, 1, 20), (40, 3)])
def test_the_lines_come_out_of_the_event_stream(prelude: bytes, sizes: Sequence[int]) -> None:
    whole = prelude + b'{"type":"status"}\n'

    data = wire(PayloadChunk(whole[:9]), PayloadChunk(whole[9:]), InvokeComplete())

    assert unwrapped(data, sizes) == b'{"type":"status"}\n'


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (InvokeComplete("Unhandled", "{}"), "Unhandled"),
        (StreamException("TooMany", "slow down"), "TooMany"),
    ],
)
def test_a_function_that_failed_is_a_tool_error_with_its_code(
    event: StreamEvent, code: str
) -> None:
    with pytest.raises(ToolError) as caught:
        unwrapped(wire(PayloadChunk(b"{"), event))

    assert caught.value.message == f"w failed on Lambda ({code})."
    assert caught.value.code == code


def test_a_long_code_is_cut_in_the_sentence_only() -> None:
    with pytest.raises(ToolError) as caught:
        unwrapped(wire(InvokeComplete("x" * 500)))

    assert caught.value.message == f"w failed on Lambda ({'x' * 100})."
    assert caught.value.code == "x" * 500


def test_a_status_in_the_prelude_counts() -> None:
    prelude = PRELUDE.replace(b"200", b"404")

    with pytest.raises(ToolError, match="HTTP status 404; there is nothing at its address"):
        unwrapped(wire(PayloadChunk(prelude)))


def test_bytes_that_are_no_event_stream_cannot_be_read() -> None:
    with pytest.raises(ToolError) as caught:
        unwrapped(b"\0" * 64)

    assert (caught.value.message, caught.value.code) == (unreadable("w").message, "BAD_LINE")


@pytest.mark.parametrize("status", [200, 204, 299])
def test_a_status_of_success_is_accepted(status: int) -> None:
    check_status("w", status)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (199, "w answered with HTTP status 199."),
        (300, "w answered with HTTP status 300."),
        (401, "w answered with HTTP status 401; it wants other credentials."),
        (429, "w answered with HTTP status 429; it is called too often."),
    ],
)
def test_any_other_status_is_a_tool_error(status: int, message: str) -> None:
    with pytest.raises(ToolError) as caught:
        check_status("w", status)

    assert (caught.value.message, caught.value.code) == (message, f"HTTP_{status}")
