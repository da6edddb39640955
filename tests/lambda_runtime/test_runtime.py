"""The runtime when things go wrong: deadlines, refusals, a broken Runtime API; and many at once."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from app.lambda_runtime.asgi_call import AsgiHandler
from app.lambda_runtime.invocation_loops import Runtime
from app.lambda_runtime.lambda_call import FunctionConfig
from app.lambda_runtime.plain_handler import Context, PlainHandler
from app.lambda_runtime.runtime_api import RuntimeApi, RuntimeApiFailed
from tests.lambda_events import function_url, http_api
from tests.lambda_runtime.recording_runtime_api import RecordingRuntimeApi, running, soon

_CONFIG = FunctionConfig(name="faults")


def _plain(function: Any) -> PlainHandler:
    return PlainHandler(function, _CONFIG)


async def _echo(event: Any, context: Context) -> AsyncIterator[bytes]:
    yield repr(event).encode()


_BAD_PAYLOADS = [
    b"",
    b"{",
    b"\xff\xfe\x00",
    b"nul",
    b"[" * 100_000,
    b"{}{}",
    b"null",
    b"[]",
    b"3",
    b'"x"',
    b'{"requestContext":5}',
    b'{"body":5}',
    b'{"requestContext":{"http":{"method":1}}}',
    b'{"requestContext":{"http":{"method":"GET"}},"body":1}',
    b'{"requestContext":{"http":{"method":"POST"}},"body":"%","isBase64Encoded":true}',
    b'{"requestContext":{"http":{}},"headers":"x"}',
    b'{"requestContext":{"elb":null},"httpMethod":[]}',
    b'{"requestContext":{},"httpMethod":"GET","headers":{"a":1}}',
]


async def test_twenty_bad_events_get_a_response_and_do_not_end_the_loop() -> None:
    async with running(_plain(_echo)) as api:
        bad = [api.invoke(raw=payload) for payload in _BAD_PAYLOADS]
        bad.append(api.invoke({}, headers={"Lambda-Runtime-Client-Context": "{"}))
        bad.append(api.invoke({}, headers={"Lambda-Runtime-Deadline-Ms": "soon"}))
        all_posted = [await sent.completed() for sent in bad]
        last = await api.invoke({"last": 1}).completed()

    assert len(all_posted) == 20
    assert {posted.route for posted in all_posted} == {"response", "error"}
    assert last.body == b"{'last': 1}"


async def test_an_event_without_a_request_id_is_passed_over() -> None:
    async with running(_plain(_echo)) as api:
        api.invoke({}, headers={"Lambda-Runtime-Aws-Request-Id": ""})
        posted = await api.invoke({"a": 1}).completed()

    assert posted.body == b"{'a': 1}"


@pytest.mark.parametrize("content_type", ["text/plain\r\nx: y", "text/pläin", " text/plain "])
async def test_a_content_type_that_http_does_not_allow_does_not_end_the_loop(
    content_type: str,
) -> None:
    async def words(event: Any, context: Context) -> AsyncIterator[bytes]:
        if event == "stream":
            yield b"word"

    words.content_type = content_type  # type: ignore[attr-defined]
    async with running(_plain(words)) as api:
        streamed = await api.invoke("stream").completed()
        empty = await api.invoke("nothing").completed()

    assert (streamed.body, empty.body) == (b"word", b"")
    assert streamed.headers["content-type"].startswith("text/pl")


async def test_a_handler_that_cancels_itself_does_not_end_the_loop() -> None:
    async def cancels(event: Any, context: Context) -> None:
        raise asyncio.CancelledError

    async with running(_plain(cancels)) as api:
        first = await api.invoke({}).completed()
        second = await api.invoke({}).completed()

    assert {first.route, second.route} == {"error"}
    assert second.error_type == "Function.CancelledError"


async def test_a_handler_that_is_late_with_its_first_byte_is_an_error() -> None:
    cancelled = asyncio.Event()

    async def late(event: Any, context: Context) -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        yield b"never"

    async with running(_plain(late)) as api:
        started = time.monotonic()
        posted = await api.invoke({}, timeout_s=2).completed()

        assert time.monotonic() - started < 2
        await soon(cancelled.wait())

    assert (posted.route, posted.error_type) == ("error", "Deltaline.Timeout")
    assert "time limit" in posted.json()["errorMessage"]


@pytest.mark.parametrize("is_http", [False, True])
async def test_a_stream_that_meets_the_deadline_ends_in_trailers(is_http: bool) -> None:
    async def endless(event: Any, context: Context) -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    event = function_url("GET") if is_http else {}
    async with running(_plain(endless)) as api:
        posted = await api.invoke(event, timeout_s=0.4).completed()

    assert (posted.route, posted.chunks[-1]) == ("response", b"one")
    assert posted.error_type == "Deltaline.Timeout"
    assert posted.trailing_error()["errorType"] == "Deltaline.Timeout"


@pytest.mark.parametrize("event", [{}, function_url("GET"), http_api()])
async def test_a_handler_that_does_not_end_when_cancelled_holds_nothing_up(
    event: dict[str, Any],
) -> None:
    release, ended = asyncio.Event(), asyncio.Event()

    async def stubborn(event: Any, context: Context) -> AsyncIterator[bytes]:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        try:
            yield b"too late"
        finally:
            ended.set()

    async with running(_plain(stubborn)) as api:
        posted = await api.invoke(event, timeout_s=0.3).completed()
        await soon(api.waiting.wait())
        release.set()
        await soon(ended.wait())

    assert (posted.route, posted.error_type) == ("error", "Deltaline.Timeout")


async def test_a_blocked_thread_holds_nothing_up_either() -> None:
    loop = asyncio.get_running_loop()
    release, ended = threading.Event(), asyncio.Event()

    def blocked(event: Any, context: Context) -> Iterator[bytes]:
        if event == "block":
            release.wait(5)
        try:
            yield b"word"
        finally:
            if event == "block":
                loop.call_soon_threadsafe(ended.set)

    async with running(_plain(blocked)) as api:
        late = await api.invoke("block", timeout_s=0.3).completed()
        next_one = await api.invoke("go on").completed()
        release.set()
        await soon(ended.wait())

    assert (late.route, next_one.body) == ("error", b"word")


async def test_an_app_is_told_to_stop_at_the_deadline() -> None:
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise ValueError("no lifespan here")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.set_result("cancelled")
            raise

    async with running(AsgiHandler(app, _CONFIG)) as api:
        posted = await api.invoke({}, timeout_s=0.3).completed()

        assert await soon(heard) == "cancelled"
    assert posted.error_type == "Deltaline.Timeout"


@pytest.mark.parametrize("deadline", ["9" * 400, "9" * 5000, "9" * 15, "-5", "nan", "1e309"])
async def test_a_deadline_that_fits_no_timer_does_not_end_the_runtime(deadline: str) -> None:
    async with running(_plain(_echo)) as api:
        odd = api.invoke({"a": 1}, headers={"Lambda-Runtime-Deadline-Ms": deadline})
        first = await odd.completed()
        last = await api.invoke({"a": 2}).completed()

    assert (first.body, last.body) == (b"{'a': 1}", b"{'a': 2}")


async def test_an_event_of_very_many_values_is_read_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []
    start = threading.Thread.start

    def noting(thread: threading.Thread) -> None:
        started.append(thread.name)
        start(thread)

    async def size(event: Any, context: Context) -> bytes:
        return b"%d" % len(event)

    monkeypatch.setattr(threading.Thread, "start", noting)
    async with running(_plain(size)) as api:
        small = await api.invoke(raw=b"[1]").completed()
        assert started == []
        large = await api.invoke(raw=b"[" + b"{}," * 1_000_000 + b"1]").completed()

    assert (small.body, large.body) == (b"1", b"1000001")
    assert started == ["reading"]


async def test_an_app_is_not_given_an_event_of_very_many_values_as_objects() -> None:
    bodies: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            bodies.append((await receive())["body"])
            await send({"type": "http.response.start", "status": 413, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})

    payload = b'{"messages":[' + b"{}," * 1_000_000 + b"1]}"
    async with running(AsgiHandler(app, _CONFIG)) as api:
        await api.invoke(raw=payload).completed()

    assert bodies == [payload]


async def test_a_deadline_of_the_past_is_none() -> None:
    headers = {"Lambda-Runtime-Deadline-Ms": "1542409706888"}

    async with running(_plain(_echo)) as api:
        posted = await api.invoke({"a": 1}, headers=headers).completed()

    assert posted.body == b"{'a': 1}"


async def test_a_response_that_is_too_large_does_not_end_the_loop() -> None:
    async def returns(event: Any, context: Context) -> bytes:
        return b"x" * 3_000_000

    async def streams(event: Any, context: Context) -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100_000

    for function in (returns, streams):
        async with running(_plain(function)) as api:
            refused = await api.invoke({}, verdict=413).completed()
            taken = await api.invoke({}).completed()

        assert refused.route == "response"
        assert len(taken.body) >= 3_000_000


@pytest.mark.parametrize("verdict", [400, 403])
async def test_a_refused_error_report_does_not_end_the_loop(verdict: int) -> None:
    async def fails(event: Any, context: Context) -> None:
        raise LookupError

    async with running(_plain(fails)) as api:
        await api.invoke({}, verdict=verdict).completed()
        again = await api.invoke({}).completed()

    assert again.route == "error"


async def test_a_connection_that_breaks_does_not_end_the_loop() -> None:
    gate = asyncio.Event()

    async def words(event: Any, context: Context) -> AsyncIterator[bytes]:
        yield b"one"
        await gate.wait()
        while event == "break":
            yield b"x" * 100_000

    async with running(_plain(words)) as api:
        broken = api.invoke("break")
        await broken.next_chunk()
        await api.drop()
        gate.set()
        posted = await api.invoke("go on").completed()

    assert posted.body == b"one"


async def test_a_runtime_api_that_fails_ends_the_runtime() -> None:
    async with RecordingRuntimeApi().listen() as api:
        api.next_status = 500
        runtime = Runtime(RuntimeApi(api.address), _plain(_echo), concurrency=4)

        with pytest.raises(RuntimeApiFailed, match="HTTP 500"):
            await soon(runtime.run())


@pytest.mark.parametrize("streams", [False, True])
async def test_a_runtime_api_that_fails_at_a_response_ends_the_runtime(streams: bool) -> None:
    async def returns(event: Any, context: Context) -> str:
        return "text"

    async with RecordingRuntimeApi().listen() as api:
        runtime = Runtime(RuntimeApi(api.address), _plain(_echo if streams else returns))
        api.invoke({}, verdict=500)

        with pytest.raises(RuntimeApiFailed, match="HTTP 500"):
            await soon(runtime.run())


async def test_a_runtime_api_that_is_gone_ends_the_runtime() -> None:
    async with RecordingRuntimeApi().listen() as api:
        gone = api.address

    with pytest.raises(RuntimeApiFailed, match="Waiting for the next event failed"):
        await soon(Runtime(RuntimeApi(gone), _plain(_echo)).run())


async def test_a_runtime_api_that_hangs_up_ends_the_runtime() -> None:
    async with RecordingRuntimeApi().listen() as api:
        task = asyncio.create_task(Runtime(RuntimeApi(api.address), _plain(_echo)).run())
        await soon(api.waiting.wait())
        await api.drop()

        with pytest.raises(RuntimeApiFailed):
            await soon(task)


async def test_eight_invocations_run_at_once_on_one_loop() -> None:
    together = asyncio.Barrier(8)
    loops = set()

    async def meet(event: Any, context: Context) -> AsyncIterator[bytes]:
        loops.add(asyncio.get_running_loop())
        yield b"waiting"
        await together.wait()
        yield f"{context.aws_request_id} {event}".encode()

    async with running(_plain(meet), concurrency=8) as api:
        all_sent = [api.invoke(number) for number in range(8)]
        all_posted = [await sent.completed() for sent in all_sent]

    assert loops == {asyncio.get_running_loop()}
    assert [posted.body for posted in all_posted] == [
        f"waitingrequest-{number + 1} {number}".encode() for number in range(8)
    ]


async def test_the_trace_id_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "old")

    async def trace(event: Any, context: Context) -> str:
        return os.environ["_X_AMZN_TRACE_ID"]

    async with running(_plain(trace)) as api:
        first = await api.invoke({}).completed()
        second = await api.invoke({}, headers={"Lambda-Runtime-Trace-Id": ""}).completed()

    assert (first.json(), second.json()) == ("Root=1-request-1", "")


async def test_invocations_at_once_do_not_share_a_trace_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)

    async def trace(event: Any, context: Context) -> Any:
        return [os.environ.get("_X_AMZN_TRACE_ID"), context.trace_id]

    async with running(_plain(trace), concurrency=2) as api:
        posted = await api.invoke({}).completed()

    assert posted.json() == [None, "Root=1-request-1"]


async def test_a_runtime_that_is_cancelled_ends_its_responses_properly() -> None:
    async def endless(event: Any, context: Context) -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    async with RecordingRuntimeApi().listen() as api:
        task = asyncio.create_task(Runtime(RuntimeApi(api.address), _plain(endless)).run())
        sent = api.invoke({})
        await sent.next_chunk()
        task.cancel()
        posted = await sent.completed()
        await asyncio.wait({task})

    assert task.cancelled()
    assert posted.error_type == "Deltaline.Shutdown"
