"""A history by chats, turns and servers: where the rules look things up. No I/O."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import msgspec

from tests.fleet.history import Call, Fault, FaultKind, History, Version
from tests.fleet.seen import RESTARTING, UNREACHABLE, Seen, seen

_WORD = re.compile(r"(m\d+)([a-z])\d+\b")
# What a server logs when it answers although the store does not know the turn.
_WITHOUT_STORE = "a turn begins without the store"


class Violation(msgspec.Struct, frozen=True):
    """What a history shows that must not happen."""

    rule: str
    chat: str
    text: str


class Index:
    """A history, and what follows from it.

    Attributes:
        history: as given.
        versions: by message and number.
        streams: the responses that were streams of turns, by turn.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.versions = {(one.message, one.number): one for one in history.versions}
        self.streams: dict[str, list[Call]] = defaultdict(list)
        self._seen: dict[int, Seen] = {}
        self._of_chat: dict[str, list[Call]] = defaultdict(list)
        for call in history.calls:
            self._of_chat[call.chat].append(call)
            if call.kind in ("post", "follow") and call.status == 200 and call.turn is not None:
                self.streams[call.turn].append(call)
        self._in_chat: dict[tuple[str, ...], list[Call]] = {}
        self._without_store = {
            server: [
                note.at
                for note in history.notes
                if note.server == server and note.text.startswith(_WITHOUT_STORE)
            ]
            for server in {note.server for note in history.notes}
        }
        self._by_words = {
            version.words[0]: version for version in history.versions if version.words
        }

    def all_streams(self) -> Iterable[tuple[str, Call]]:
        """Return each stream with its turn."""
        for turn, calls in self.streams.items():
            for call in calls:
                yield turn, call

    def seen(self, call: Call) -> Seen:
        """Return what the reader of a stream has seen."""
        if id(call) not in self._seen:
            self._seen[id(call)] = seen(call)
        return self._seen[id(call)]

    def in_chat(self, chat: str, *kinds: str) -> Sequence[Call]:
        """Return the calls of these kinds about a chat."""
        key = (chat, *kinds)
        if key not in self._in_chat:
            self._in_chat[key] = [call for call in self._of_chat[chat] if call.kind in kinds]
        return self._in_chat[key]

    def chats(self) -> Sequence[str]:
        """Return all chats."""
        return sorted(self._of_chat)

    def version_said(self, text: str) -> Version | None:
        """Return the version whose answer begins like ``text``."""
        return self._by_words.get(text.split(" ", 1)[0])

    def message_said(self, text: str) -> str | None:
        """Return the message whose answer ``text`` is a beginning of, however short."""
        found = _WORD.match(text)
        return None if found is None else found[1]

    def is_whole_read(self, call: Call) -> bool:
        """Return whether a stream was read from its first chunk to the turn's own end."""
        if call.end != "done" or call.start not in (None, 0):
            return False
        # A follower may also be sent these because its own server stops or cannot read.
        if self.seen(call).error not in (RESTARTING, UNREACHABLE):
            return True
        return call.turn is not None and self.original(call.turn) is call

    def whole(self, turn: str) -> Call | None:
        """Return the stream that shows all of a turn: the last that was read after it had ended."""
        followed = [
            call
            for call in self.streams[turn]
            if call.kind == "follow" and self.is_whole_read(call)
        ]
        # At the end a replay is whole whatever its error is: no server stops any more.
        replayed = [
            call
            for call in self.streams[turn]
            if call.is_last and call.end == "done" and call.start in (None, 0)
        ]
        found = replayed or followed
        return found[-1] if found else None

    def posters(self, turn: str) -> Sequence[Call]:
        """Return the posts that were told that this is their turn, the first sent first."""
        posts = [call for call in self.streams[turn] if call.kind == "post"]
        return sorted(posts, key=lambda call: call.sent_at)

    def original(self, turn: str) -> Call | None:
        """Return the post that began a turn, if that is certain; others joined it."""
        posts = self.posters(turn)
        if len(posts) != 1:
            return None
        (post,) = posts
        rivals = [
            call
            for call in self.in_chat(post.chat, "post")
            if call is not post and call.message == post.message and call.sent_at < post.ended_at
        ]
        return None if rivals else post

    def broken(
        self, kinds: Collection[FaultKind], since: float, until: float, server: int | None = None
    ) -> bool:
        """Return whether one of these faults reached into a time (of a server: of this one)."""
        return any(
            fault.kind in kinds
            and fault.at <= until
            and fault.until >= since
            and (server is None or fault.server == server)
            for fault in self.history.faults
        )

    def paused_s(self, since: float, until: float) -> float:
        """Return how many seconds of a time anything stood still."""
        return sum(
            max(0.0, min(until, fault.until) - max(since, fault.at))
            for fault in self.history.faults
            if fault.kind in ("pause", "engine")
        )

    def stood_still(self, server: int) -> Iterable[Fault]:
        """Return when a server could write nothing: the engine or itself stood still."""
        return (
            fault
            for fault in self.history.faults
            if fault.kind == "engine" or (fault.kind == "pause" and fault.server == server)
        )

    def longest_quiet_s(self, since: float, until: float, server: int) -> float:
        """Return for how many seconds in one piece neither the engine nor a server stood still."""
        longest_s, quiet_since = 0.0, since
        for fault in sorted(self.stood_still(server), key=lambda fault: fault.at):
            longest_s = max(longest_s, min(fault.at, until) - quiet_since)
            quiet_since = max(quiet_since, fault.until)
        return max(longest_s, until - quiet_since)

    def ran_without_store(self, call: Call) -> bool:
        """Return whether a post may have been answered while the store could not be reached."""
        until = call.ended_at if call.head_at is None else call.head_at
        return any(
            call.sent_at - 0.1 <= at <= until + 0.1
            for at in self._without_store.get(call.server, ())
        )
