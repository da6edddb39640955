"""The log of a turn that continues a message → the events of the whole message.

Such a log has two parts: the message's earlier parts as events (`Run.earlier`), and from
`TurnHead.live_from` on what the turn sent, which begins with a `Start` of its own. Between them a
step may be open (`earlier`).
"""

from collections.abc import Sequence

from app.events import Event, Finish, Start, StepEnd, StepStart, TextDelta


class WholeMessage:
    """Joins the parts of a log for a follower that reads it from its beginning.

    A follower that begins at ``live_from`` or later needs none; its `Framer` needs
    `earlier.owed_calls` of the log's first ``live_from`` events. The log of a turn that begins its
    message passes unchanged.
    """

    def __init__(self) -> None:
        self._began = False
        self._in_step = False

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the next events of the log, as the grammar allows them in one turn."""
        taken: list[Event] = []
        for event in events:
            if type(event) is not TextDelta:  # by far the most common event
                match event:
                    case Start():
                        if self._began:
                            continue
                        self._began = True
                    case StepStart() | Finish():
                        if self._in_step:
                            taken.append(StepEnd("tool-calls"))
                        self._in_step = isinstance(event, StepStart)
                    case StepEnd():
                        self._in_step = False
                    case _:
                        pass
            taken.append(event)
        return taken
