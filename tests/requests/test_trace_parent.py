"""Which trace a request is part of, and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.requests.trace_parent import TraceParent, read_trace_parent

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
AMAZON = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={SPAN};Sampled=1"


def _read(*headers: tuple[str, str]) -> TraceParent | None:
    return read_trace_parent([(name.encode(), value.encode("latin-1")) for name, value in headers])


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        (PARENT, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f" {PARENT}\t", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-comes", True),
    ],
)
def test_a_trace_parent_is_read(text: str, is_sampled: bool) -> None:
    assert _read(("traceparent", text)) == TraceParent(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        PARENT.upper(),
        f"{PARENT}-more",
        f"{PARENT}0",
        f"cc-{TRACE}-{SPAN}-01more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 1024}",
        f"00-{TRACE}-{SPAN}-é1",
    ],
)
def test_what_is_no_trace_parent_is_ignored(text: str) -> None:
    assert _read(("traceparent", text), ("tracestate", "a=1")) is None


def test_of_two_trace_parents_none_counts() -> None:
    assert _read(("traceparent", PARENT), ("traceparent", PARENT)) is None


def test_the_state_is_passed_on_in_order() -> None:
    found = _read(
        ("tracestate", "a=1, b=2"),
        ("traceparent", PARENT),
        ("tracestate", ""),
        ("tracestate", " c=3"),
    )

    assert found == TraceParent(TRACE, SPAN, True, "a=1, b=2,c=3")


@pytest.mark.parametrize("state", ["a=" + "x" * 511, "a=é", "a=\x01"])
def test_a_state_that_cannot_be_passed_on_is_left_out(state: str) -> None:
    assert _read(("traceparent", PARENT), ("tracestate", state)) == TraceParent(TRACE, SPAN, True)


@pytest.mark.parametrize(
    ("text", "is_sampled"),
    [
        (AMAZON, True),
        (AMAZON.replace("Sampled=1", "Sampled=0"), False),
        (AMAZON.replace(";Sampled=1", ""), False),
        (AMAZON.replace(";", " ; ") + ";Lineage=1:2:3", True),
    ],
)
def test_an_x_ray_header_is_read(text: str, is_sampled: bool) -> None:
    assert _read(("x-amzn-trace-id", text)) == TraceParent(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize(
    "text",
    [
        "Self",
        AMAZON.replace(f"Parent={SPAN};", ""),
        AMAZON.replace("Root=1-", "Root=2-"),
        AMAZON.replace(SPAN, SPAN[1:]),
        AMAZON.replace(SPAN, "0" * 16),
        AMAZON + ";" + "x" * 1024,
    ],
)
def test_an_x_ray_header_without_a_span_is_ignored(text: str) -> None:
    assert _read(("x-amzn-trace-id", text)) is None


def test_the_page_is_nearer_than_the_front() -> None:
    other = AMAZON.replace(SPAN, "1" * 16)

    assert _read(("x-amzn-trace-id", other), ("traceparent", PARENT)) == TraceParent(
        TRACE, SPAN, True
    )
    assert _read(("x-amzn-trace-id", AMAZON), ("traceparent", "broken")) == TraceParent(
        TRACE, SPAN, True
    )


def test_a_request_without_a_trace_has_none() -> None:
    assert _read(("host", "x"), ("content-type", "application/json")) is None


@given(st.lists(st.tuples(st.sampled_from([b"traceparent", b"x-amzn-trace-id"]), st.binary())))
def test_any_bytes_are_a_trace_or_none(headers: list[tuple[bytes, bytes]]) -> None:
    found = read_trace_parent(headers)

    assert found is None or (len(found.trace_id), len(found.span_id)) == (32, 16)
