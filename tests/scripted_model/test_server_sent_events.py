"""JSON and server-sent events, as bytes."""

from app.scripted_model.server_sent_events import server_sent_event, to_json
from tests.scripted_model.client import Side, text_of


async def test_half_a_surrogate_pair_is_sent_as_an_escape(side: Side) -> None:
    wire = await side.raw("scenario: surrogate")
    chunks = await side.stream("scenario: surrogate")

    assert rb'"A pair: \ud83d"' in wire
    assert rb'"\ude00"' in wire
    assert text_of(chunks) == "A pair: \ud83d\ude00, a half: \ud83d."


def test_json_is_compact_and_only_what_utf_8_lacks_is_escaped() -> None:
    assert to_json({"a": [1, "é漢😀"], "b": "\ud83d"}) == '{"a":[1,"é漢😀"],"b":"\\ud83d"}'.encode()


def test_an_event_may_have_a_name() -> None:
    assert server_sent_event({}) == b"data: {}\n\n"
    assert server_sent_event({}, "error") == b"event: error\ndata: {}\n\n"
