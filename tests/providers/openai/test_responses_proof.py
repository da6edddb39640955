"""Proofs of reasoning, to the client and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.openai.responses_proof import ReasoningProof, read_proof, write_proof


@given(st.builds(ReasoningProof, st.text(), st.text()))
def test_a_proof_comes_back_as_it_went(proof: ReasoningProof) -> None:
    assert read_proof(write_proof(proof)) == proof


def test_a_proof_is_one_json_text() -> None:
    proof = ReasoningProof("rs_1", "gAAA")

    assert write_proof(proof) == '{"id":"rs_1","encrypted_content":"gAAA"}'


@pytest.mark.parametrize(
    "text", ["", "c2ln", '{"id":"rs_1"}', '{"id":1,"encrypted_content":"g"}', "[]", "[" * 100_000]
)
def test_any_other_text_is_no_proof(text: str) -> None:
    assert read_proof(text) is None
