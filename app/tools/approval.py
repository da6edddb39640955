"""The user's approval of a tool call, and the proof that it belongs to exactly this call.

An approval comes back in the history, which the client can write as it likes. So the approval id
carries its own proof, and clients return it unchanged:

    <nonce>.<expiry, Unix seconds>.<seal><signature>     in base64url without padding

The signature is an HMAC over the nonce, the expiry, the owner, the chat, the call, the tool and its
validated input (`ValidCall.for_approval`). The seal is an HMAC over the nonce and the expiry only.
It permits nothing: it distinguishes an id that we issued for another call from an id that we never
issued.

A reply consumes an id, whether the user approves or denies. A process cannot know whether another
process has already consumed it, unless both have the same `UsedIds`. A tool that must not run twice
passes the id on as its idempotency key (`ToolContext.approval_id`).
"""

import base64
import contextlib
import enum
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

from app.tools.canonical_json import canonical_json

LIFETIME_S = 15 * 60
# How many ids with a reply a process remembers; beyond that it forgets the oldest.
REMEMBERED = 100_000

_NONCE_BYTES = 18
_SEAL_BYTES = 15
_SEAL_CHARACTERS = 20
_LONGEST_EXPIRY = 12


class ApprovalRefusal(enum.Enum):
    """Why an approval does not count."""

    FORGED = "This approval was not asked for by this server. The call was not run."
    CHANGED = "This call is not the one that was approved. It was not run."
    EXPIRED = "The approval came too late. The call was not run."
    REPLAYED = "The approval was used before. The call was not run again."
    DENIED = "The user denied this call before. It was not run."

    @property
    def sentence(self) -> str:
        """What the user and the model are told."""
        return str(self.value)


class UsedIds(Protocol):
    """Which ids have had their reply."""

    def use(
        self, nonce: str, expiry: int, reason: ApprovalRefusal, now: float
    ) -> ApprovalRefusal | None:
        """Note that an id is used; return why it does not count, if it was used before.

        Args:
            nonce: of the id.
            expiry: after it the id need not be remembered, in Unix seconds.
            reason: why it will not count from now on.
            now: Unix time in seconds.
        """


class OwnUsedIds:
    """The used ids of this process.

    Args:
        remembered: how many are remembered; beyond that the oldest is forgotten.
        lock: held while an id is looked up and noted, if there are several threads.
    """

    def __init__(
        self, remembered: int, lock: contextlib.AbstractContextManager[object] | None = None
    ) -> None:
        self._remembered = remembered
        # nonce → expiry, and why the id does not count any more
        self._used: dict[str, tuple[int, ApprovalRefusal]] = {}
        self._lock = contextlib.nullcontext() if lock is None else lock

    def use(
        self, nonce: str, expiry: int, reason: ApprovalRefusal, now: float
    ) -> ApprovalRefusal | None:
        with self._lock:
            if nonce in self._used:
                return self._used[nonce][1]
            while self._used:
                oldest = next(iter(self._used))
                if self._used[oldest][0] > now and len(self._used) < self._remembered:
                    break
                del self._used[oldest]
            self._used[nonce] = (expiry, reason)
            return None


class Approvals:
    """Issues approval ids and takes one reply to each of them.

    Args:
        secret: not empty; processes with the same secret can redeem each other's ids.
        now: Unix time in seconds.
        lifetime_s: how long the user has to reply, in seconds.
        remembered: how many ids with a reply are remembered.
        lock: held while an id is looked up and consumed, if replies are checked in several threads.
        used: the ids with a reply, if other processes share them; ``remembered`` and ``lock`` are
            its own then.

    Raises:
        ValueError: ``secret`` is empty.
    """

    def __init__(
        self,
        secret: bytes,
        *,
        now: Callable[[], float] = time.time,
        lifetime_s: int = LIFETIME_S,
        remembered: int = REMEMBERED,
        lock: contextlib.AbstractContextManager[object] | None = None,
        used: UsedIds | None = None,
    ) -> None:
        if not secret:
            raise ValueError("the secret for approvals is empty")
        self._secret = secret
        self._now = now
        self._lifetime_s = lifetime_s
        self._used: UsedIds = OwnUsedIds(remembered, lock) if used is None else used

    def issue(
        self,
        chat_id: str | None,
        tool_call_id: str,
        tool_name: str,
        tool_input: Any,
        *,
        owner: str = "",
    ) -> str:
        """Return the id under which the user is asked to approve this call.

        Args:
            tool_input: JSON; what the user approves.
            owner: who is asked; nobody else can approve. ``""`` where owners are not known.
        """
        nonce = _text(secrets.token_bytes(_NONCE_BYTES))
        expiry = str(int(self._now()) + self._lifetime_s)
        call = [owner, chat_id, tool_call_id, tool_name, tool_input]
        signature = self._signature([nonce, expiry, *call])
        return f"{nonce}.{expiry}.{self._seal(nonce, expiry)}{signature}"

    def redeem(
        self,
        approval_id: str,
        chat_id: str | None,
        tool_call_id: str,
        tool_name: str,
        tool_input: Any,
        *,
        owner: str = "",
    ) -> ApprovalRefusal | None:
        """Redeem an approval. ``None`` means that it is valid and the call may run, once."""
        sealed = self._opened(approval_id)
        if sealed is None:
            return ApprovalRefusal.FORGED
        nonce, expiry, given = sealed
        call = [owner, chat_id, tool_call_id, tool_name, tool_input]
        if not _is_same(given, self._signature([nonce, expiry, *call])):
            return ApprovalRefusal.CHANGED
        now = self._now()
        if int(expiry) <= now:
            return ApprovalRefusal.EXPIRED
        return self._used.use(nonce, int(expiry), ApprovalRefusal.REPLAYED, now)

    def deny(self, approval_id: str) -> None:
        """Let the id never be redeemed. An id that is not ours is ignored.

        The call is not compared: it does not run, whatever the client says that it is.
        """
        sealed, now = self._opened(approval_id), self._now()
        if sealed is None:
            return
        nonce, expiry, _ = sealed
        if int(expiry) > now:
            self._used.use(nonce, int(expiry), ApprovalRefusal.DENIED, now)

    def _opened(self, approval_id: str) -> tuple[str, str, str] | None:
        """Return the nonce, the expiry and the signature of an id that we issued, else ``None``."""
        nonce, _, rest = approval_id.partition(".")
        expiry, _, proof = rest.partition(".")
        if not (expiry.isascii() and expiry.isdecimal() and len(expiry) <= _LONGEST_EXPIRY):
            return None
        # Compared as text: the same bytes have several spellings in base64, an id has only one.
        if not _is_same(proof[:_SEAL_CHARACTERS], self._seal(nonce, expiry)):
            return None
        return nonce, expiry, proof[_SEAL_CHARACTERS:]

    def _seal(self, nonce: str, expiry: str) -> str:
        return _text(self._hmac(b"issued ", [nonce, expiry])[:_SEAL_BYTES])

    def _signature(self, call: list[Any]) -> str:
        return _text(self._hmac(b"allows ", call))

    def _hmac(self, purpose: bytes, value: list[Any]) -> bytes:
        return hmac.digest(self._secret, purpose + canonical_json(value), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
