"""The head of a response leaves with the first bytes of its body, or alone in the next round."""

import asyncio
import logging
from typing import Any, cast

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.http.held_head import hold_head

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"5")],
}
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"


class _Transport:
    """Notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("close")

    def is_closing(self) -> bool:
        return "close" in self.done

    def resume_reading(self) -> None:
        pass


@pytest.fixture
def transport() -> _Transport:
    return _Transport()


def _cycle(transport: Any, method: str = "GET", **given: Any) -> RequestResponseCycle:
    options: dict[str, Any] = {"expect_100_continue": False, "keep_alive": True, **given}
    cycle = RequestResponseCycle(
        scope=cast(Any, {"method": method}),
        transport=transport,
        flow=FlowControl(transport),
        logger=logging.getLogger("test"),
        access_logger=logging.getLogger("test"),
        access_log=False,
        default_headers=[],
        message_event=asyncio.Event(),
        on_response=lambda: None,
        **options,
    )
    hold_head(cycle, asyncio.get_running_loop())
    return cycle


async def _send(cycle: RequestResponseCycle, **message: Any) -> None:
    await cycle.send(cast(Any, message))


async def test_the_head_leaves_with_the_first_bytes_of_the_body(transport: _Transport) -> None:
    cycle = _cycle(transport)

    await _send(cycle, **_START)
    await _send(cycle, type="http.response.body", body=b"one", more_body=True)
    await _send(cycle, type="http.response.body", body=b"23", more_body=True)
    await asyncio.sleep(0)

    assert transport.done == [_HEAD + b"\r\none", b"23"]
    assert cast(object, cycle.transport) is transport


async def test_a_head_that_nothing_follows_leaves_in_the_next_round(transport: _Transport) -> None:
    cycle = _cycle(transport)

    await _send(cycle, **_START)
    assert transport.done == []
    await asyncio.sleep(0)
    assert transport.done == [_HEAD + b"\r\n"]
    await _send(cycle, type="http.response.body", body=b"12345")

    assert transport.done == [_HEAD + b"\r\n", b"12345"]


async def test_a_connection_that_is_closed_behind_the_head_has_sent_it(
    transport: _Transport,
) -> None:
    cycle = _cycle(transport, "HEAD", keep_alive=False)

    await _send(cycle, **_START)
    await _send(cycle, type="http.response.body", body=b"")
    await asyncio.sleep(0)

    assert transport.done == [_HEAD + b"connection: close\r\n\r\n", "close"]


async def test_what_comes_before_the_head_does_not_wait(transport: _Transport) -> None:
    cycle = _cycle(transport, expect_100_continue=True)
    cycle.message_event.set()

    await cycle.receive()

    assert transport.done == [b"HTTP/1.1 100 Continue\r\n\r\n"]
