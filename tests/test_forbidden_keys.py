"""`app.forbidden_keys`: no client refuses what is sent, and every key comes back as it was."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.forbidden_keys import may_hold_neutralised, neutralise, restore
from app.protocols.json_text import dumps

_KEYS = st.sampled_from(
    [
        *("__proto__", "$__proto__", "$$__proto__", "constructor", "$constructor", "prototype"),
        *('"__proto__', '{"__proto__', ',"constructor', "\\", '\\"', "__proto__:", "a"),
        *("x__proto__", "__proto__x", "\u2028", "\ud800"),
    ]
)
_TEXTS = _KEYS | st.sampled_from(['{"__proto__":1}', ',"constructor":null', '"', "null"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _objects(item)


def _is_refused(value: Any) -> bool:
    """Return whether any of the clients refuses a chunk of this value."""
    return any(
        "__proto__" in found
        or ("constructor" in found and found["constructor"] is None)
        or (isinstance(found.get("constructor"), dict) and "prototype" in found["constructor"])
        for found in _objects(value)
    )


@given(_values)
def test_no_client_refuses_what_is_sent_and_every_key_comes_back(value: Any) -> None:
    text = neutralise(dumps(value))
    posted = json.loads(text)

    assert not _is_refused(posted)
    restore(posted)
    assert posted == value
    assert list(map(list, _objects(posted))) == list(map(list, _objects(value)))  # in their order


@given(_values)
def test_what_came_back_is_sent_in_the_same_way_again(value: Any) -> None:
    sent = neutralise(dumps(value))
    back = json.loads(sent)
    restore(back)

    assert neutralise(dumps(back)) == sent


@given(_values)
def test_what_may_hold_one_of_our_keys_is_known_by_its_text(value: Any) -> None:
    text = dumps(value)
    posted = json.loads(text)
    restore(posted)

    assert may_hold_neutralised(text) or posted == value


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({"__proto__": {"a": 1}}, '{"$__proto__":{"a":1}}'),
        ([{"a": 1, "__proto__": None}], '[{"a":1,"$__proto__":null}]'),
        ({"$__proto__": 1, "__proto__": 2}, '{"$$__proto__":1,"$__proto__":2}'),
        ({"constructor": {"prototype": 1}}, '{"$constructor":{"prototype":1}}'),
        ({"constructor": None}, '{"$constructor":null}'),
        # What no client refuses stays.
        ({"constructor": {"name": "Ferrari"}}, '{"constructor":{"name":"Ferrari"}}'),
        ({"constructor": "prototype"}, '{"constructor":"prototype"}'),
        ({"prototype": 1}, '{"prototype":1}'),
        ({"a": '{"__proto__":1}'}, r'{"a":"{\"__proto__\":1}"}'),
        (["__proto__", "constructor"], '["__proto__","constructor"]'),
    ],
)
def test_only_what_clients_refuse_is_sent_under_another_key(value: Any, sent: str) -> None:
    assert neutralise(dumps(value)).decode() == sent


def test_depth_costs_no_recursion() -> None:
    value: Any = {"$__proto__": 1}
    for _ in range(100_000):
        value = [value]

    restore(value)

    while isinstance(value, list):
        (value,) = value
    assert value == {"__proto__": 1}
