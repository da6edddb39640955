"""The benchmark's fake Lambda: what it times must be what a runtime sent."""

import http.client
import json
import shutil
import threading

import pytest

from bench.contenders import OURS_ON_LAMBDA, TYPED_ON_LAMBDA
from bench.lambda_front import InvocationResponse, LambdaFront, function_url_event, lambda_front
from bench.running import Pace, Plan, bench
from bench.sections import lambda_runtime
from bench.table import Block, Figure, Section, render

INVOCATION = "/2018-06-01/runtime/invocation"
PRELUDE = b'{"statusCode":200}' + b"\0" * 8


def _answer(front: LambdaFront, *chunks: bytes) -> None:
    """Ask for one event and answer it as a streaming runtime does."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=5)
    connection.request("GET", f"{INVOCATION}/next")
    connection.getresponse().read()
    connection.request("POST", f"{INVOCATION}/request-1/response", iter(chunks))
    connection.getresponse().read()
    connection.close()


def _answer_to(*chunks: bytes) -> InvocationResponse:
    with lambda_front() as front:
        runtime = threading.Thread(target=_answer, args=(front, *chunks))
        runtime.start()
        answer = front.invoke(b"{}")
        runtime.join()
    return answer


@pytest.mark.parametrize("chunks", [(PRELUDE, b"Hel", b"lo"), (PRELUDE + b"Hello",)])
def test_an_answer_is_what_comes_after_the_prelude(chunks: tuple[bytes, ...]) -> None:
    answer = _answer_to(*chunks)

    assert answer.body == b"Hello"
    assert answer.chunks == len(chunks)
    assert answer.first_byte_at > 0


def test_a_prelude_alone_is_no_first_byte() -> None:
    assert _answer_to(PRELUDE).first_byte_at == 0


def test_the_first_event_asked_for_is_noticed_while_there_is_none() -> None:
    with lambda_front() as front:
        assert front.first_poll_at(within_s=0) is None
        runtime = threading.Thread(target=_answer, args=(front, PRELUDE))
        runtime.start()
        polled_at = front.first_poll_at(within_s=5)
        front.invoke(b"{}")
        runtime.join()

    assert polled_at


def test_an_event_carries_the_request() -> None:
    event = json.loads(function_url_event("/api/chat", b'{"a":1}'))

    assert event["requestContext"]["http"]["method"] == "POST"
    assert (event["rawPath"], event["body"]) == ("/api/chat", '{"a":1}')


def test_a_section_may_have_rows_of_its_own() -> None:
    block = Block("one", [Figure("key", "ms", {"own": 2.0, "base": 1.0, "server": 9.0})])
    section = Section("E", "How.", [block], names=["own", "base"], references={"base": "base"})

    table = render(section, ["server"], {"server": "server"})

    assert "| own | 2 | 2.00 |" in table
    assert "server" not in table


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")), reason="no C compiler")
def test_our_runtime_and_its_peer_are_measured_with_the_models_own_text() -> None:
    plan = Plan(1, unpaced_streams=(1,), unpaced_s=0.1, paces=(Pace(1, tokens=5),))

    with bench(plan, []) as ground:
        section = lambda_runtime.measure(ground)

    assert ground.left_out == []
    first_byte = section.figures()["lambda.first_byte"].values
    assert first_byte[OURS_ON_LAMBDA]
    assert first_byte[TYPED_ON_LAMBDA]
    assert section.figures()["lambda.chunk_us"].values[OURS_ON_LAMBDA]
