"""A turn in one piece, read from its log."""

from typing import get_args

import msgspec

from app.events import Abort, Event, StepEnd, Terminal, Usage
from app.store.store import Store, TurnHead
from app.turns.log_reader import LogReader, end_of
from app.turns.lost_turns import LostTurns
from app.turns.merging import merged
from app.turns.patience import patience
from app.turns.transcript import Transcript

_TERMINALS: tuple[type[Terminal], ...] = get_args(Terminal)
_WAIT_S = 1.0


class WholeTurn(msgspec.Struct, frozen=True):
    """What a turn came to: its message, how it ended, and the usage of all its steps."""

    transcript: Transcript
    end: Terminal
    usage: Usage


async def whole_turn(store: Store, lost: LostTurns, head: TurnHead) -> WholeTurn:
    """Return ``head``'s turn once it is over.

    Raises:
        StoreUnavailable: its log cannot be read.
        LogDefect: its log makes no sense.
    """
    events: list[Event] = []
    log = LogReader(store, head.id)
    async with lost.watching(head):
        while not (events and isinstance(events[-1], _TERMINALS)):
            read = await log.read()
            if read is None:
                events.append(Abort("deleted"))
            elif read.defect is not None:
                raise read.defect
            elif read.has_more:
                events += read.events
            elif read.head.state != "running":
                events.append(end_of(read.head))
            else:
                async with patience():
                    await log.wait(_WAIT_S)
    said = Transcript(head.message_id)
    for event in merged(events[: head.live_from]):
        said.add(event)
    transcript = Transcript(head.message_id, said.message() if head.live_from else None)
    usage = Usage()
    for event in merged(events[head.live_from :]):
        transcript.add(event)
        if isinstance(event, StepEnd):
            usage += event.usage
    end = events[-1]
    assert isinstance(end, _TERMINALS)
    return WholeTurn(transcript, end, usage)
