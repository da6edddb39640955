from typing import Any

import pytest

from app.lambda_runtime.invocation import Invocation
from app.lambda_runtime.lambda_call import FunctionConfig, LambdaCall, read_function_config
from app.requests.lambda_events import classify
from tests.lambda_events import function_url, http_api, load_balancer, rest_api


def test_the_function_is_what_lambda_says_it_is() -> None:
    environ = {
        "AWS_LAMBDA_FUNCTION_NAME": "chat",
        "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/chat",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    }

    assert read_function_config(environ) == FunctionConfig(
        name="chat",
        version="3",
        memory_mb=512,
        log_group="/aws/lambda/chat",
        log_stream="stream",
    )
    assert read_function_config({}) == FunctionConfig()


@pytest.mark.parametrize("memory", ["", "much", "-1"])
def test_a_memory_size_that_is_no_number_counts_as_unknown(memory: str) -> None:
    config = read_function_config({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory})

    assert config.memory_mb == 0


@pytest.mark.parametrize(
    ("event", "is_direct"),
    [
        ({"prompt": "Hi"}, True),
        ({"source": "aws.events"}, True),
        ([1, 2], True),
        (None, True),
        (function_url(), False),
        (http_api(), False),
        (rest_api(), False),
        (load_balancer(), False),
        # WebSocket APIs and authorizers: not requests that we serve, but not direct callers either.
        ({"requestContext": {"routeKey": "$default"}, "body": "{}"}, False),
        ({"requestContext": None}, False),
    ],
)
def test_a_call_is_direct_unless_a_front_wrote_its_event(event: Any, is_direct: bool) -> None:
    invocation = Invocation(request_id="request-1", payload=b"", deadline_ms=0)

    assert LambdaCall(invocation, classify(event), event).is_direct is is_direct
