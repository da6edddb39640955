"""What a worker is told by its supervisor, and what it says to it, over one socket.

The supervisor sends one line of JSON, the `Place`. The worker says ``up`` once it serves, or
``failed`` and a sentence. Whichever of them dies, the other one reads the end of the socket.

    → {"number":2,"count":4,"listener":5,"shared":6,"approval_secret":"…"}
    ← up
"""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a worker one of several.

    Attributes:
        number: of the worker, from 1; its replacement has the same.
        count: of the workers.
        listener: the descriptor of the listening socket, which all workers share.
        shared: the descriptor of a file that all workers have: it holds their connection counts,
            and is locked while a line of the log is written.
        approval_secret: signs approvals where no setting does: the reply may reach another worker.
    """

    number: int
    count: int
    listener: int
    shared: int
    approval_secret: str

    def share_of(self, limit: int) -> int:
        """Return this worker's share of what the whole server may have, at least 1.

        The shares add up to ``limit``, unless there are more workers than that.
        """
        share, rest = divmod(limit, self.count)
        return max(1, share + (self.number <= rest))


@dataclass(frozen=True, slots=True)
class Up:
    """The worker serves."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot serve, for this reason: a sentence."""

    sentence: str


Report: TypeAlias = Up | Failed


def encode_place(place: Place) -> bytes:
    """Return the line that `decode_place` reads."""
    return msgspec.json.encode(place) + b"\n"


def decode_place(line: bytes) -> Place:
    """Return what the supervisor said.

    Raises:
        msgspec.DecodeError: it is cut off.
    """
    return msgspec.json.decode(line, type=Place)


def encode_report(report: Report) -> bytes:
    """Return the line that `decode_report` reads."""
    match report:
        case Up():
            return b"up\n"
        case Failed(sentence):
            return b"failed " + " ".join(sentence.split()).encode("utf-8", "replace") + b"\n"
        case _:
            assert_never(report)


def decode_report(received: bytes) -> Report | None:
    """Return the last whole line that a worker said; ``None`` if there is none."""
    lines = received.split(b"\n")[:-1]
    if not lines:
        return None
    if lines[-1] == b"up":
        return Up()
    return Failed(lines[-1].removeprefix(b"failed ").decode("utf-8", "replace"))
