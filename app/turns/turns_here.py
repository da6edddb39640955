"""The kept turns of this process, found by their id and by their chat."""

from collections.abc import Iterator, Sequence

from app.store.store import ChatId, Owner, TurnId
from app.turns.kept_turn import KeptTurn


class TurnsHere:
    """Turns whose end the store does not know yet. A turn may be known by two ids."""

    def __init__(self) -> None:
        self._by_id: dict[TurnId, KeptTurn] = {}
        self._of_chat: dict[tuple[Owner, ChatId], list[KeptTurn]] = {}

    def __len__(self) -> int:
        """Return by how many ids turns are known."""
        return len(self._by_id)

    def __iter__(self) -> Iterator[KeptTurn]:
        """Yield each turn once."""
        for kept in self._of_chat.values():
            yield from kept

    def __contains__(self, turn: TurnId) -> bool:
        return turn in self._by_id

    def get(self, turn: TurnId) -> KeptTurn | None:
        """Return the turn of that id."""
        return self._by_id.get(turn)

    def of(self, owner: Owner, chat_id: ChatId) -> Sequence[KeptTurn]:
        """Return the turns of a chat, the first one first."""
        return tuple(self._of_chat.get((owner, chat_id), ()))

    def add(self, kept: KeptTurn) -> None:
        """Add a turn, or its new id."""
        self._by_id[kept.head.id] = kept
        of_chat = self._of_chat.setdefault((kept.head.owner, kept.head.chat_id), [])
        if kept not in of_chat:
            of_chat.append(kept)

    def remove(self, kept: KeptTurn, *, first_id: TurnId) -> None:
        """Remove a turn, which had ``first_id`` when it was added."""
        for turn in (first_id, kept.head.id):
            self._by_id.pop(turn, None)
        chat = (kept.head.owner, kept.head.chat_id)
        self._of_chat[chat].remove(kept)
        if not self._of_chat[chat]:
            del self._of_chat[chat]
