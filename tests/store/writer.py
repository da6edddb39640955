"""A process that writes to a SQLite file: ``python -m tests.store.writer PATH TURN``.

It begins the turn, says so on standard output, appends a batch after the other and says the number
of each that is written. It ends the turn when it is asked to stop, and itself with it.
"""

import asyncio
import sys
import time
from pathlib import Path

from app.store.sqlite import SqliteStore
from app.store.store import Batch, TurnHead


async def write(path: Path, turn: str) -> None:
    """Append until somebody asks to stop."""
    store = SqliteStore(path)
    head = TurnHead(id=turn, owner="", chat_id="chat", message_id="m")
    before = await store.chat("", "chat")
    revision = 0 if before is None else before.revision
    print(await store.begin(head, revision=revision, keep=0, messages=[]), flush=True)  # noqa: T201
    seq = 0
    stop = None
    while stop is None:
        seq += 1
        stop = (await store.append([Batch(turn, seq, b"%d" % seq)], beating=[turn])).get(turn)
        print(seq, flush=True)  # noqa: T201
    await store.end(turn, "stopped", last=None, message={"id": "m"}, ended_at=time.time())
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), sys.argv[2]))
