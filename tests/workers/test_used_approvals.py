"""`app.workers.used_approvals`: what one worker has used, all know."""

import contextlib
import tempfile
from collections.abc import Iterator

import pytest

from app.tools.approval import ApprovalRefusal, Approvals
from app.workers.used_approvals import SharedUsedIds, size_of

OFFSET = 12
CALL = ("chat-1", "call-1", "send_email", {"to": "a@example.org"})
REPLAYED, DENIED = ApprovalRefusal.REPLAYED, ApprovalRefusal.DENIED


class Workers:
    """Makes the views that workers have of one file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.locked = 0

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        assert self.locked % 2 == 0
        self.locked += 1
        yield
        self.locked += 1

    def another(self, capacity: int = 3) -> SharedUsedIds:
        return SharedUsedIds(self._descriptor, OFFSET, alone=self._alone, capacity=capacity)


@pytest.fixture
def workers() -> Iterator[Workers]:
    with tempfile.TemporaryFile() as file:
        file.truncate(OFFSET + size_of(100))
        yield Workers(file.fileno())


def _nonce(number: int) -> str:
    return f"{number:024}"


def test_an_approval_counts_once_for_all_workers(workers: Workers) -> None:
    one, other = (Approvals(b"secret", used=workers.another(100)) for _ in range(2))
    approval_id = one.issue(*CALL)

    first = other.redeem(approval_id, *CALL)
    again = [approvals.redeem(approval_id, *CALL) for approvals in (one, other)]

    assert first is None
    assert again == [REPLAYED, REPLAYED]
    assert workers.locked == 6


def test_a_denial_counts_for_all_workers_and_for_those_that_start_later(workers: Workers) -> None:
    one = Approvals(b"secret", used=workers.another(100))
    approval_id = one.issue(*CALL)
    one.deny(approval_id)

    later = Approvals(b"secret", used=workers.another(100))

    assert later.redeem(approval_id, *CALL) is DENIED


def test_the_oldest_is_forgotten_by_all_once_there_are_too_many(workers: Workers) -> None:
    one, other = workers.another(), workers.another()
    for number in range(5):
        assert one.use(_nonce(number), 2_000_000_000, REPLAYED, 1.0) is None

    remembered = [other.use(_nonce(n), 2_000_000_000, DENIED, 1.0) for n in (2, 3, 4)]

    assert remembered == [REPLAYED] * 3
    assert other.use(_nonce(0), 2_000_000_000, DENIED, 1.0) is None
    assert one.use(_nonce(0), 2_000_000_000, REPLAYED, 1.0) is DENIED
