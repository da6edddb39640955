"""`app.tools.canonical_json`: what JavaScript does to a value must not change its form."""

import subprocess
from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.protocols.json_text import dumps
from app.requests.body import parse_json
from app.tools.canonical_json import canonical_json

# Reads one JSON document a line and writes it back.
ROUND_TRIP = """
const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  process.stdout.write(JSON.stringify({ ...JSON.parse(line) }) + "\\n");
});
"""

any_text = st.text(alphabet=st.characters(exclude_categories=[]))
halves = st.lists(st.sampled_from(["\ud83d", "\ude00", "a", "😀"])).map("".join)
integer_like = st.integers(-(2**33), 2**33).map(str)
keys = any_text | halves | integer_like
large = st.integers(-(2**70), 2**70) | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 10**400])
numbers = (
    st.integers()
    | large
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([-0.0, 0.0, 1.0, 1e21, 1e-7, 5e-324, 1.7976931348623157e308])
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | any_text | halves,
    lambda children: st.lists(children) | st.dictionaries(keys, children),
    # Each leaf is formed by itself, and what is around it is the same at any depth.
    max_leaves=20,
)


class RoundTrip(Protocol):
    def __call__(self, value: Any) -> Any: ...


@pytest.fixture(scope="module")
def through_javascript() -> Iterator[RoundTrip]:
    command = ["node", "-e", ROUND_TRIP]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        sink, source = node.stdin, node.stdout

        def round_trip(value: Any) -> Any:
            sink.write(dumps({"value": value}) + b"\n")
            sink.flush()
            return parse_json(source.readline())["value"]

        yield round_trip
        sink.close()


@pytest.mark.real
@pytest.mark.timeout(180)
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(value=values)
def test_a_round_trip_through_javascript_keeps_the_form(
    through_javascript: RoundTrip, value: Any
) -> None:
    assert canonical_json(through_javascript(value)) == canonical_json(value)


@pytest.mark.real
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "value",
    [
        [1.0, -0.0, 2**53 + 1, 12345678901234567890, 10**400, 1e21, 1e-7, 0.1 + 0.2],
        {"10": 1, "9": 2, "b": 3, "a": 4, "-1": 5},
        {"\ud83d\ude00": 1, "😀": 2},
        {"\ude00\ud83d": "\ud800"},
        {"__proto__": 1, "toString": 2},
    ],
)
def test_what_javascript_is_known_for_keeps_the_form(
    through_javascript: RoundTrip, value: Any
) -> None:
    assert canonical_json(through_javascript(value)) == canonical_json(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (0, -0.0),
        (2**53, 2**53 + 1),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ("😀", "\ud83d\ude00"),
        (10**400, None),
        (float("nan"), None),
    ],
)
def test_what_javascript_cannot_tell_apart_has_one_form(one: Any, other: Any) -> None:
    assert canonical_json(one) == canonical_json(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (0, None),
        (1, "1"),
        ([], {}),
        ([1, 2], [2, 1]),
        ([[1], 2], [[1, 2]]),
        ({"a": None}, {}),
        ("é", "e\u0301"),
        ("\ud800", "\ufffd"),
        (1, 1.0000000000000002),
    ],
)
def test_what_javascript_tells_apart_has_two_forms(one: Any, other: Any) -> None:
    assert canonical_json(one) != canonical_json(other)
