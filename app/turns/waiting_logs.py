"""What may wait for a store that cannot be written, of all turns of this process."""

import logging
from collections.abc import Iterable

from app.turns.kept_turn import KeptTurn

logger = logging.getLogger("deltaline.store")

# In bytes of encoded events: some ten million tokens. The messages, which are kept to be written
# with the ends, come on top; `CHAT_MAX_ANSWER_BYTES` bounds each.
MOST_WAITING_BYTES = 64 * 1024 * 1024


def give_up_longest(turns: Iterable[KeptTurn], *, most_bytes: int = MOST_WAITING_BYTES) -> None:
    """Give up logs, the longest first, until no more than ``most_bytes`` of them wait.

    The answers go on, and their messages are written with their ends.
    """
    waiting = [(turn.recorder.waiting_bytes, turn) for turn in turns]
    total = sum(size for size, _ in waiting)
    for size, turn in sorted(waiting, key=lambda one: one[0], reverse=True):
        if total <= most_bytes:
            return
        turn.recorder.give_up()
        logger.error(
            "too much waits for the store: the log of a turn is given up (%d bytes), so it cannot "
            "be resumed; its message is kept",
            size,
        )
        total -= size
