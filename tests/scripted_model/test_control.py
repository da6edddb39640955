"""What a test sees of the scripted model, and how it steers it."""

import asyncio

from app.scripted_model.control import Control, RecordedRequest
from app.scripted_model.serving import serve_scripted
from tests.scripted_model.client import HELLO, client_of


async def test_requests_are_recorded_and_only_the_latest_are_kept() -> None:
    control = Control(keep=2)

    async with serve_scripted(control, delay_s=0) as url, client_of(url) as client:
        for model in ("one", "two", "three"):
            await client.chat.completions.create(model=model, messages=HELLO)

    assert [request.body["model"] for request in control.requests] == ["two", "three"]
    assert control.received == 3
    assert control.requests[0].path == "/v1/chat/completions"
    assert control.requests[0].headers["authorization"] == "Bearer any"


async def test_a_client_that_leaves_is_seen() -> None:
    control = Control()

    async with serve_scripted(control, delay_s=60) as url, client_of(url) as client:
        stream = await client.chat.completions.create(model="scripted", messages=HELLO, stream=True)
        await control.until(lambda seen: seen.open_streams == 1)
        await stream.close()
        await control.client_left()

        assert control.open_streams == 0


async def test_a_gate_holds_back_until_it_is_opened_and_no_longer() -> None:
    gate = Control().gate("middle")
    passing = asyncio.create_task(gate.pass_through())

    await gate.reached()
    held_back = not passing.done()
    gate.open()
    await passing
    await gate.pass_through()

    assert held_back
    assert gate.is_open


def test_a_gate_is_the_same_for_everybody() -> None:
    control = Control()

    assert control.gate("one") is control.gate("one")
    assert control.gate("one") is not control.gate("two")


def test_only_clients_count_as_leaving_not_the_end_of_the_server() -> None:
    control = Control()
    for left in (True, False):
        control.opened()
        control.closed(left=left)
    control.opened()
    control.close()
    control.closed(left=True)

    assert (control.open_streams, control.left_by_client) == (0, 1)


def test_attempts_count_the_same_body_only() -> None:
    control = Control()
    requests = [RecordedRequest("POST", "/v1/x", {}, raw, None) for raw in (b"a", b"b", b"a")]
    for request in requests:
        control.record(request)

    assert [control.attempts(request) for request in requests] == [2, 1, 2]
