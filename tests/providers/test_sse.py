"""Splitting server-sent events, of the usual shape and of any other."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.sse import EventTooLong, NamedData, NamedSseSplitter, SseSplitter


def split(*reads: bytes) -> list[bytes]:
    splitter = SseSplitter()
    events = [event for read in reads for event in splitter.feed(read)]
    return events + splitter.end()


def split_named(*reads: bytes) -> list[tuple[bytes, bytes]]:
    splitter = NamedSseSplitter()
    events = [event for read in reads for event in splitter.feed(read)]
    return events + splitter.end()


@pytest.mark.parametrize(
    ("stream", "datas"),
    [
        (b"", []),
        (b"data: a\n\n", [b"a"]),
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data\n\n", [b""]),
        (b"data: \n\n", [b""]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data: a\n\n\ndata: b\n\n\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data: a\n\r\ndata: b\r\n\n", [b"a", b"b"]),
        (b": comment\n\ndata: a\n: another\n\n:\n", [b"a"]),
        (b"id: 1\nretry: 5\nunknown: x\nnonsense\ndata: a\n\n", [b"a"]),
        (b"id: 1\n\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"data: a\r", [b"a"]),
        (b"data: a\r\n", [b"a"]),
        (b"data: a\n\ndata: b\n\ndata: c", [b"a", b"b", b"c"]),
        (b"data: a\n\ndata: \xf0\x9f\x98\x80\n\n", [b"a", "😀".encode()]),
    ],
)
def test_each_event_gives_its_data_however_the_stream_is_cut(
    stream: bytes, datas: list[bytes]
) -> None:
    assert split(stream) == datas
    assert split(*(stream[i : i + 1] for i in range(len(stream)))) == datas
    for cut in range(len(stream)):
        assert split(stream[:cut], b"", stream[cut:]) == datas


def test_the_data_of_a_named_event_has_the_name() -> None:
    events = split(b"event: error\ndata: a\n\ndata: b\n\nevent:\xff\ndata: c\n\nevent: x\n\n")

    names = [event.name if isinstance(event, NamedData) else None for event in events]
    assert events == [b"a", b"b", b"c"]
    assert names == ["error", None, "�"]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"event: a\ndata: b\n\n", [(b"a", b"b")]),
        (b"event: a\ndata: b\n\nevent: c\ndata: d\n\n", [(b"a", b"b"), (b"c", b"d")]),
        (b"event: a\ndata: \n\nevent: \ndata: b\n\n", [(b"a", b""), (b"", b"b")]),
        (b"event: a\ndata: b\n\ndata: c\n\n", [(b"a", b"b"), (b"", b"c")]),
        (b"data: c\n\nevent: a\ndata: b\n\n", [(b"", b"c"), (b"a", b"b")]),
        (b"event: a\n\nevent: b\ndata: c\n\n", [(b"b", b"c")]),
        (b"event: a\nid: 1\ndata: b\n\n", [(b"a", b"b")]),
        (b"event: a\ndata: b\ndata: c\n\n", [(b"a", b"b\nc")]),
        (b"event: a\ndata: b\n\n\nevent: c\ndata: d\n\n", [(b"a", b"b"), (b"c", b"d")]),
        (b"event:a\ndata:b\n\n", [(b"a", b"b")]),
        (b"event: a\r\ndata: b\r\n\r\n", [(b"a", b"b")]),
        (b": ping\n\nevent: a\ndata: b\n\n", [(b"a", b"b")]),
        (b"\xef\xbb\xbfevent: a\ndata: b\n\n", [(b"a", b"b")]),
        (b"event: a\ndata: b\n\nevent: c\ndata: d", [(b"a", b"b"), (b"c", b"d")]),
    ],
)
def test_each_event_gives_its_name_and_data_however_the_stream_is_cut(
    stream: bytes, events: list[tuple[bytes, bytes]]
) -> None:
    assert split_named(stream) == events
    assert split_named(*(stream[i : i + 1] for i in range(len(stream)))) == events
    for cut in range(len(stream)):
        assert split_named(stream[:cut], b"", stream[cut:]) == events


def test_an_event_is_there_as_soon_as_its_last_line_end_is() -> None:
    splitter = SseSplitter()

    assert splitter.feed(b"data: a\n\nda") == [b"a"]
    assert splitter.feed(b"ta: b\n") == []
    assert splitter.feed(b"\n") == [b"b"]
    assert splitter.feed(b"data: c\r\n\r") == [b"c"]
    assert splitter.feed(b"\n") == []
    assert splitter.feed(b"data: d\n\n") == [b"d"]
    assert splitter.end() == []


def test_a_huge_event_arrives_whole() -> None:
    data = b"x" * 100_000
    stream = b"event: huge\ndata: " + data + b"\n\ndata: small\n\n"
    reads = [stream[i : i + 1000] for i in range(0, len(stream), 1000)]

    assert split(*reads) == [data, b"small"]
    assert split_named(*reads) == [(b"huge", data), (b"", b"small")]


@pytest.mark.parametrize("splitter", [SseSplitter, NamedSseSplitter])
@pytest.mark.parametrize(
    "piece",
    [b"x", b"data: ab\n", b"data\n", b": comment\n", b"id: 1\r\n", b"event: e\n", b"data: ab\r"],
)
def test_an_event_that_never_ends_is_given_up(
    splitter: type[SseSplitter] | type[NamedSseSplitter], piece: bytes
) -> None:
    limited = splitter(max_event_bytes=100_000)
    fed = 0

    with pytest.raises(EventTooLong, match="longer than 100000 bytes"):
        while True:
            limited.feed(piece * 1000)
            fed += len(piece) * 1000

    assert fed < 200_000


def test_an_event_may_be_as_long_as_the_limit_in_one_line_or_many() -> None:
    one, many = b"data: " + b"x" * 94, b"data: xx\n" * 12 + b"data"
    splitter = SseSplitter(max_event_bytes=100)

    assert splitter.feed(b": c\n\n" + one + b"\n\n") == [b"x" * 94]
    assert splitter.feed(many + b"\n\n") == [b"xx\n" * 12]
    assert splitter.feed(one + b"\r\n\r\n" + one[:50]) == [b"x" * 94]
    with pytest.raises(EventTooLong):
        splitter.feed(one[50:] + b"x\n")


def test_what_the_end_of_the_stream_completes_has_the_limit_too() -> None:
    splitter = SseSplitter(max_event_bytes=10)
    splitter.feed(b"data: 1\n")
    splitter.feed(b"data: 2345")

    with pytest.raises(EventTooLong):
        splitter.end()


lines = st.sampled_from(
    [
        *(b"data: a", b"data:b", b"data: " + b"c" * 9, b"event: e", b"event: e\ndata: a\n"),
        *(b": d", b"id: 1", b"", b"", b"f"),
    ]
)
line_ends = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(lines, line_ends)), st.lists(st.integers(0, 200)))
def test_any_cut_of_any_stream_gives_the_same_events(
    stream_lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"".join(line + end for line, end in stream_lines)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]

    pieces = [stream[a:b] for a, b in pairwise(bounds)]

    singly = [stream[i : i + 1] for i in range(len(stream))]
    assert split(*pieces) == split(*singly)
    assert split_named(*pieces) == split_named(*singly)
    assert split(*pieces) == [data for _, data in split_named(*pieces)]
