"""`app.requests.shapes`: the keys that decide how a request is read."""

from itertools import chain, combinations

import pytest

from app.requests.shapes import RequestShape, find_shape

_KEYS = ("action", "args", "body", "message", "messages", "payload", "prompt")


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        ("action payload", RequestShape.DIRECT),
        ("action", RequestShape.DIRECT),
        ("messages", RequestShape.CHAT),
        ("message", RequestShape.CHAT),
        ("args", RequestShape.TOOL_CALL),
        ("prompt", RequestShape.PROMPT),
        ("body", RequestShape.WRAPPED),
        ("payload", None),
        ("text", None),
        ("", None),
    ],
)
def test_a_key_marks_its_shape(keys: str, shape: RequestShape | None) -> None:
    assert find_shape(dict.fromkeys(keys.split())) is shape


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        ("action payload messages message args prompt body", RequestShape.DIRECT),
        ("messages message args prompt body action", RequestShape.CHAT),
        ("message args prompt body action", RequestShape.CHAT),
        ("args prompt body action", RequestShape.TOOL_CALL),
        ("prompt body action", RequestShape.PROMPT),
        ("action body", RequestShape.DIRECT),
        ("body payload", RequestShape.WRAPPED),
    ],
)
def test_of_several_marks_the_first_decides(keys: str, shape: RequestShape) -> None:
    assert find_shape(dict.fromkeys(keys.split())) is shape


def test_neither_the_order_nor_the_values_of_keys_count() -> None:
    subsets = chain.from_iterable(combinations(_KEYS, size) for size in range(len(_KEYS) + 1))
    for keys in subsets:
        shape = find_shape(dict.fromkeys(keys))

        assert find_shape({key: {"a": 1} for key in reversed(keys)}) is shape


def test_a_page_that_wants_another_answer_may_leave_the_messages_to_the_server() -> None:
    assert find_shape({"trigger": "regenerate-message", "id": "c"}) is RequestShape.CHAT
    assert find_shape({"trigger": "submit-message", "id": "c"}) is None
    assert find_shape({"trigger": "schedule"}) is None
