"""Our bytes equal those of the real servers, except where `docs/protocols.md` says so."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from app.protocols.data_stream import DataStreamEncoder
from app.protocols.encoder import Encoder
from app.protocols.text_stream import TextStreamEncoder
from app.protocols.ui_message_stream import UIMessageStreamEncoder
from tests.chatting import chatting, data_body, ui_body
from tests.protocols.traces import RECORDED, TRACES, encode, golden

DOCS = Path(__file__).parents[2] / "docs" / "protocols.md"

Deviation: TypeAlias = tuple[str, Callable[[bytes], bytes]]


def _replaced(name: str, recorded: bytes, ours: bytes) -> Deviation:
    return name, lambda wire: wire.replace(recorded, ours)


def _data_between_start_and_finish(wire: bytes) -> bytes:
    chunks = wire.split(b"\n\n")
    before, start, message, finish, update = chunks[:3], chunks[3], chunks[4:-4], *chunks[-4:-2]
    return b"\n\n".join([start, *before, *message, update, finish, *chunks[-2:]])


def _calls_before_results(wire: bytes) -> bytes:
    lines = wire.splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if line.startswith(b"9:"))
    lines[first : first + 4] = sorted(lines[first : first + 4], key=lambda line: line[:1])
    return b"".join(lines)


ONE_MESSAGE_ID = _replaced("D1", b'"msg-3"', b'"msg-1"')
ERROR = b'data: {"type":"error"'
# Which trace differs by what; a trace that is not here does not differ.
DEVIATIONS: Mapping[str, Sequence[Deviation]] = {
    "aisdk4/tools": [ONE_MESSAGE_ID],
    "aisdk4/toolstream": [ONE_MESSAGE_ID],
    "aisdk4/multitool": [ONE_MESSAGE_ID, ("D8", _calls_before_results)],
    "aisdk7/error": [_replaced("D2", ERROR, b'data: {"type":"text-end","id":"t1"}\n\n' + ERROR)],
    "aisdk7/reasoning": [
        _replaced("D4", b',"providerMetadata":{"mock":{"signature":null}}', b""),
        _replaced("D3", b'"mock"', b'"deltaline"'),
        _replaced(
            "D5",
            b'data: {"type":"text-start"',
            b'data: {"type":"reasoning-start","id":"r2",'
            b'"providerMetadata":{"deltaline":{"redactedData":"cmVkYWN0ZWQ="}}}\n\n'
            b'data: {"type":"reasoning-end","id":"r2"}\n\n'
            b'data: {"type":"text-start"',
        ),
    ],
    "aisdk7/data": [("D6", _data_between_start_and_finish)],
    "aisdk7/completion": [_replaced("D7", b'"start"', b'"start","messageId":"msg-1"')],
}
HEADERS = "D9"


def _encoder(trace: str) -> Encoder:
    if trace.endswith("protocol-text"):
        return TextStreamEncoder()
    return DataStreamEncoder() if trace.startswith("aisdk4/") else UIMessageStreamEncoder()


@pytest.mark.parametrize("trace", RECORDED)
def test_our_bytes_are_the_recorded_ones_but_for_what_is_documented(trace: str) -> None:
    expected = golden(trace)
    for name, deviate in DEVIATIONS.get(trace, ()):
        before, expected = expected, deviate(expected)
        assert expected != before, f"{name} changes nothing in {trace}"

    assert encode(_encoder(trace), RECORDED[trace]) == expected


def test_every_trace_is_compared() -> None:
    streams = TRACES.glob("aisdk*/*.stream")

    assert {f"{path.parent.name}/{path.stem}" for path in streams} == RECORDED.keys()


def test_the_page_lists_exactly_the_deviations_that_there_are() -> None:
    documented = re.findall(r"^\| (D\d+) \|", DOCS.read_text(), re.MULTILINE)

    used = {name for deviations in DEVIATIONS.values() for name, _ in deviations}
    assert len(documented) == len(set(documented))
    assert set(documented) == used | {HEADERS}


# Headers of the connection, not of the protocol.
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "date", "server"}


@pytest.mark.parametrize(
    ("trace", "body", "differing"),
    [
        ("aisdk4/text", data_body("Hi"), {"cache-control", "x-accel-buffering", "x-request-id"}),
        ("aisdk7/text", ui_body("Hi"), {"cache-control", "content-type", "x-request-id"}),
    ],
)
async def test_the_headers_are_the_recorded_ones_but_for_d9(
    model: str, trace: str, body: object, differing: set[str]
) -> None:
    recorded = json.loads((TRACES / f"{trace}.meta.json").read_text())["headers"]

    async with chatting(model) as chat:
        ours = dict((await chat.post(body)).headers)

    assert ours["content-type"] in (recorded["content-type"], "text/event-stream; charset=utf-8")
    names = (recorded.keys() | ours.keys()) - OF_THE_CONNECTION
    assert {name for name in names if ours.get(name) != recorded.get(name)} == differing
