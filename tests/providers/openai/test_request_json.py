"""JSON for a model's API: always valid UTF-8, whatever a client wrote."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.providers.openai.request_json import to_json

# The alphabet includes lone surrogates on purpose.
any_text = st.text(st.characters(exclude_categories=[]))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
)


def test_lone_surrogates_are_replaced_and_pairs_joined() -> None:
    value = {"\udc00": ["a\ud800b\ud83d\ude00", None, 1], "plain": "é"}

    assert json.loads(to_json(value)) == {"\ufffd": ["a\ufffdb😀", None, 1], "plain": "é"}


@given(any_json)
def test_any_value_becomes_valid_json(value: object) -> None:
    json.loads(to_json(value).decode("utf-8", "strict"))
