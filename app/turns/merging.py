"""Pieces of one text in a row → one piece, for readers that were not there when they came."""

from collections.abc import Sequence
from typing import assert_never

from app.events import Event, ReasoningDelta, TextDelta, ToolInputDelta

_DELTAS = (TextDelta, ReasoningDelta, ToolInputDelta)


def merged(events: Sequence[Event]) -> list[Event]:
    """Return ``events`` with neighbouring deltas of the same text joined."""
    joined: list[Event] = []
    pieces: list[str] = []
    run: TextDelta | ReasoningDelta | ToolInputDelta | None = None  # the first of a row
    for event in events:
        if type(event) is type(run) is TextDelta:  # by far the most common
            pieces.append(event.text)
            continue
        if isinstance(event, _DELTAS):
            if type(event) is type(run) and _call(event) == _call(run):
                pieces.append(event.text)
                continue
            _end(run, pieces, joined)
            run, pieces = event, [event.text]
        else:
            _end(run, pieces, joined)
            run = None
            joined.append(event)
    _end(run, pieces, joined)
    return joined


def _call(delta: Event | None) -> str | None:
    return delta.tool_call_id if isinstance(delta, ToolInputDelta) else None


def _end(
    run: TextDelta | ReasoningDelta | ToolInputDelta | None,
    pieces: Sequence[str],
    joined: list[Event],
) -> None:
    match run:
        case None:
            return
        case _ if len(pieces) == 1:
            joined.append(run)
        case TextDelta():
            joined.append(TextDelta("".join(pieces)))
        case ReasoningDelta():
            joined.append(ReasoningDelta("".join(pieces)))
        case ToolInputDelta(call_id):
            joined.append(ToolInputDelta(call_id, "".join(pieces)))
        case _:
            assert_never(run)
