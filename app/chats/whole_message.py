"""The log of a turn that continues a message → the events of the whole message.

Such a log has two parts: the message's earlier parts as events (`Run.earlier`), and from
`TurnHead.live_from` on what the turn sent, which begins with a `Start` of its own. Between them a
step may be open: its calls get their results from the turn.
"""

from collections.abc import Mapping, Sequence

from app.events import Event


class WholeMessage:
    """Joins the parts of a log for a follower that reads it from its beginning.

    Use one for each follower from the beginning. One that begins at ``live_from`` or later needs
    none; its `Framer` needs `owed_calls`.
    """

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the next events of the log as the grammar allows them in one turn."""
        raise NotImplementedError


def owed_calls(earlier: Sequence[Event]) -> Mapping[str, str]:
    """Return the calls to which the turn gives a result: id → tool name (`Framer`).

    Args:
        earlier: the log's first ``live_from`` events.
    """
    raise NotImplementedError
