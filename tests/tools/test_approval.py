"""`app.tools.approval`: ids that prove what they approve."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tools.approval import LIFETIME_S, ApprovalRefusal, Approvals

CALL = ("chat-1", "call-1", "send_email", {"to": "a@example.org", "copies": 1.0})
SECRET = b"a secret of this server"


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_an_approval_counts_once() -> None:
    approvals = Approvals(SECRET)
    approval_id = approvals.issue(*CALL)

    first = approvals.redeem(approval_id, *CALL)
    second = approvals.redeem(approval_id, *CALL)

    assert first is None
    assert second is ApprovalRefusal.REPLAYED


def test_a_denied_approval_stays_denied() -> None:
    approvals = Approvals(SECRET)
    approval_id = approvals.issue(*CALL)

    approvals.deny(approval_id)
    approvals.deny(approval_id)

    assert approvals.redeem(approval_id, *CALL) is ApprovalRefusal.DENIED
    assert approvals.redeem(approval_id, *CALL) is ApprovalRefusal.DENIED


def test_a_denial_after_the_approval_does_not_change_that_it_was_used() -> None:
    approvals = Approvals(SECRET)
    approval_id = approvals.issue(*CALL)
    approvals.redeem(approval_id, *CALL)

    approvals.deny(approval_id)

    assert approvals.redeem(approval_id, *CALL) is ApprovalRefusal.REPLAYED


def test_a_denial_of_an_id_that_is_made_up_or_too_old_takes_no_memory() -> None:
    clock = Clock()
    approvals = Approvals(SECRET, now=clock, remembered=1)
    old = approvals.issue(*CALL)
    clock.now += LIFETIME_S
    denied = approvals.issue(*CALL)
    approvals.deny(denied)

    for made_up in (old, "", "n.1.p", Approvals(b"another").issue(*CALL)):
        approvals.deny(made_up)

    assert approvals.redeem(denied, *CALL) is ApprovalRefusal.DENIED


def test_nobody_approves_what_another_owner_was_asked() -> None:
    approvals = Approvals(SECRET)
    approval_id = approvals.issue(*CALL, owner="ann")

    assert approvals.redeem(approval_id, *CALL) is ApprovalRefusal.CHANGED
    assert approvals.redeem(approval_id, *CALL, owner="bob") is ApprovalRefusal.CHANGED
    assert approvals.redeem(approval_id, *CALL, owner="ann") is None


def test_two_questions_about_one_call_have_two_ids() -> None:
    approvals = Approvals(SECRET)

    one, other = approvals.issue(*CALL), approvals.issue(*CALL)

    assert one != other
    assert approvals.redeem(one, *CALL) is None
    assert approvals.redeem(other, *CALL) is None


def test_another_process_with_the_secret_redeems_what_this_one_issued() -> None:
    approval_id = Approvals(SECRET).issue(*CALL)

    assert Approvals(SECRET).redeem(approval_id, *CALL) is None


def test_an_id_made_with_another_secret_is_forged() -> None:
    approval_id = Approvals(b"another").issue(*CALL)

    assert Approvals(SECRET).redeem(approval_id, *CALL) is ApprovalRefusal.FORGED


def test_the_input_may_come_back_as_javascript_writes_it() -> None:
    approvals = Approvals(SECRET)
    approval_id = approvals.issue("c", "1", "pay", {"b": 1.0, "a": 2**60 + 1, "2": "\ud83d\ude00"})

    returned = {"2": "😀", "a": float(2**60), "b": 1}

    assert approvals.redeem(approval_id, "c", "1", "pay", returned) is None


@pytest.mark.parametrize(
    "call",
    [
        ("chat-2", *CALL[1:]),
        (None, *CALL[1:]),
        (CALL[0], "call-2", *CALL[2:]),
        (*CALL[:2], "delete_all", CALL[3]),
        (*CALL[:3], {"to": "b@example.org", "copies": 1}),
        (*CALL[:3], {"to": "a@example.org", "copies": 2}),
        (*CALL[:3], {"to": "a@example.org"}),
        (*CALL[:3], {}),
        (*CALL[:3], None),
    ],
)
def test_an_approval_of_another_call_does_not_count(call: tuple[Any, Any, Any, Any]) -> None:
    approvals = Approvals(SECRET)
    approval_id = approvals.issue(*CALL)

    assert approvals.redeem(approval_id, *call) is ApprovalRefusal.CHANGED
    assert approvals.redeem(approval_id, *CALL) is None  # the attempt has not used it up


def test_an_approval_expires() -> None:
    clock = Clock()
    approvals = Approvals(SECRET, now=clock)
    in_time, too_late = approvals.issue(*CALL), approvals.issue(*CALL)

    clock.now += LIFETIME_S - 1
    assert approvals.redeem(in_time, *CALL) is None
    clock.now += 1
    assert approvals.redeem(too_late, *CALL) is ApprovalRefusal.EXPIRED


def test_a_later_expiry_cannot_be_written_into_an_id() -> None:
    approvals = Approvals(SECRET)
    nonce, expiry, proof = approvals.issue(*CALL).split(".")

    later = f"{nonce}.{int(expiry) + 1}.{proof}"

    assert approvals.redeem(later, *CALL) is ApprovalRefusal.FORGED


def test_an_id_has_one_spelling_only() -> None:
    approvals = Approvals(SECRET)
    approval_id = approvals.issue(*CALL)
    proof = approval_id.rpartition(".")[2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(proof[-1]) ^ 1]
    same_bytes = approval_id[:-1] + last
    assert base64.urlsafe_b64decode(proof[20:-1] + last + "=") == base64.urlsafe_b64decode(
        proof[20:] + "="
    )

    for spelling in (same_bytes, approval_id + "=", approval_id + "\n"):
        assert approvals.redeem(spelling, *CALL) is ApprovalRefusal.CHANGED


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_no_text_of_a_client_is_taken_for_an_id(text: str) -> None:
    assert Approvals(SECRET).redeem(text, *CALL) is ApprovalRefusal.FORGED


@given(st.data())
def test_an_id_with_any_other_character_does_not_count(data: st.DataObject) -> None:
    approvals = Approvals(SECRET)
    approval_id = approvals.issue(*CALL)
    place = data.draw(st.integers(0, len(approval_id) - 1))
    other = data.draw(
        st.characters(exclude_categories=[]).filter(lambda c: c != approval_id[place])
    )

    changed = approval_id[:place] + other + approval_id[place + 1 :]

    refusal = approvals.redeem(changed, *CALL)
    assert refusal in (ApprovalRefusal.FORGED, ApprovalRefusal.CHANGED)


@pytest.mark.parametrize("expiry", ["", "-1", "+1", "1e9", "１", "9" * 13, "9" * 5000])
def test_an_expiry_that_is_no_plain_number_is_forged(expiry: str) -> None:
    assert Approvals(SECRET).redeem(f"n.{expiry}.p", *CALL) is ApprovalRefusal.FORGED


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first() -> None:
    approvals = Approvals(SECRET, remembered=2)
    ids = [approvals.issue(*CALL) for _ in range(3)]

    assert [approvals.redeem(approval_id, *CALL) for approval_id in ids] == [None] * 3

    assert approvals.redeem(ids[2], *CALL) is ApprovalRefusal.REPLAYED
    assert approvals.redeem(ids[1], *CALL) is ApprovalRefusal.REPLAYED
    assert approvals.redeem(ids[0], *CALL) is None


def test_what_has_expired_makes_room() -> None:
    clock = Clock()
    approvals = Approvals(SECRET, now=clock, remembered=2)
    old = [approvals.issue(*CALL) for _ in range(2)]
    for approval_id in old:
        approvals.redeem(approval_id, *CALL)
    clock.now += LIFETIME_S
    new = [approvals.issue(*CALL) for _ in range(2)]

    for approval_id in new:
        assert approvals.redeem(approval_id, *CALL) is None

    for approval_id in new:
        assert approvals.redeem(approval_id, *CALL) is ApprovalRefusal.REPLAYED
    assert approvals.redeem(old[0], *CALL) is ApprovalRefusal.EXPIRED


def test_every_refusal_has_a_sentence_of_its_own() -> None:
    sentences = {refusal.sentence for refusal in ApprovalRefusal}

    assert len(sentences) == 5
    assert all(sentence.endswith(".") for sentence in sentences)


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Approvals(b"")
