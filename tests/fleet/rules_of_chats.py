"""What must hold of the messages of a chat, whenever somebody reads them. No I/O."""

import math
from collections.abc import Iterable
from typing import Any

from tests.fleet.history import Call
from tests.fleet.index import Index, Violation
from tests.fleet.seen import text_of

# How long a turn that began without the store may wait until it begins there, in seconds.
_LATE_S = 60.0


def what_was_acknowledged_is_kept(index: Index) -> Iterable[Violation]:
    """A user's message whose post got a turn is in history (design §3.1.4, §3.6.3).

    Unless it was taken away: the chat was deleted, or an earlier message edited or answered anew.
    Who answers while the store is down says so in his log, and owes it until he dies.
    """
    for chat in index.chats():
        posts = [call for call in index.in_chat(chat, "post") if _is_acknowledged(call)]
        cut_at: dict[int, float] = {}
        for read in index.in_chat(chat, "read"):
            if read.status not in (200, 404):
                continue
            there = {message["id"] for message in _messages(read)}
            for post in posts:
                assert post.head_at is not None
                if post.message in there or post.head_at > read.sent_at:
                    continue
                if id(post) not in cut_at:
                    cut_at[id(post)] = _cut_at(index, post)
                if cut_at[id(post)] <= read.ended_at or index.ran_without_store(post):
                    continue
                text = f"{post.message} is not there for server {read.server}"
                yield Violation("what_was_acknowledged_is_kept", chat, text)


def _is_acknowledged(call: Call) -> bool:
    return call.status == 200 and call.turn is not None and call.head_at is not None


def _messages(read: Call) -> list[dict[str, Any]]:
    return [] if read.body is None else list(read.body["messages"])


def _cut_at(index: Index, post: Call) -> float:
    """Return when somebody may first have taken a message away after it was acknowledged."""
    first = math.inf
    for call in index.in_chat(post.chat, "post", "delete"):
        # A late edit takes away what was said before it could be stored.
        is_late = call.kind == "post" and index.ran_without_store(call)
        ended_at = call.ended_at + (_LATE_S if is_late else 0)
        if ended_at < post.sent_at:
            continue
        # Who names a message that came later takes only that and what follows. A first version
        # that arrives after the second is an edit too.
        takes = call.cuts or (call.message, 1) in index.versions
        if call.kind == "delete" or (
            takes and call.message != post.message and _may_precede(index, call, post)
        ):
            first = min(first, call.sent_at)
    return first


def _may_precede(index: Index, call: Call, post: Call) -> bool:
    named = [one for one in index.in_chat(post.chat, "post") if one.message == call.message]
    first = min(one.sent_at for one in named)
    return post.head_at is None or first < post.head_at


def answers_follow_their_questions(index: Index) -> Iterable[Violation]:
    """An answer stands right after the version of the message that it answers (§3.1.4, §3.6.4)."""
    for chat in index.chats():
        for read in index.in_chat(chat, "read"):
            before: dict[str, Any] | None = None
            for message in _messages(read):
                problem = _misplaced(index, before, message)
                if problem is not None:
                    yield Violation("answers_follow_their_questions", chat, problem)
                before = message


def _misplaced(index: Index, before: dict[str, Any] | None, message: dict[str, Any]) -> str | None:
    if message["role"] == "user":
        return None
    if before is None or before["role"] != "user":
        return f"{message['id']} follows no question"
    said = text_of(message)
    version = index.version_said(said)
    if said and version is None and index.message_said(said) not in (None, before["id"]):
        return f"{message['id']} answers something else than {before['id']}"
    if version is None:
        return None
    if version.message != before["id"]:
        return f"the answer to {version.message} follows {before['id']}"
    if version.text not in text_of(before):
        return f"the answer to version {version.number} of {version.message} follows another one"
    return None


def messages_are_kept_once(index: Index) -> Iterable[Violation]:
    """No message is in history twice, and each says what somebody has posted (§3.3)."""
    for chat in index.chats():
        said = {
            (version.message, version.text)
            for version in index.history.versions
            if version.chat == chat
        }
        for read in index.in_chat(chat, "read"):
            ids = [message["id"] for message in _messages(read)]
            if len(set(ids)) != len(ids):
                yield Violation("messages_are_kept_once", chat, f"ids come twice: {ids}")
            for message in _messages(read):
                if message["role"] == "user" and not any(
                    message["id"] == posted and words in text_of(message) for posted, words in said
                ):
                    text = f"{message['id']} says what nobody has posted"
                    yield Violation("messages_are_kept_once", chat, text)


def messages_are_in_order(index: Index) -> Iterable[Violation]:
    """Of two messages, the one that was answered before the other was posted comes first (§3.3)."""
    for chat in index.chats():
        spans: dict[str | None, tuple[float, float]] = {}
        for post in index.in_chat(chat, "post"):
            begin, end = spans.get(post.message, (post.sent_at, post.ended_at))
            spans[post.message] = (min(begin, post.sent_at), max(end, post.ended_at))
        if any(index.ran_without_store(post) for post in index.in_chat(chat, "post")):
            continue  # what was said meanwhile stands before it
        for read in index.in_chat(chat, "read"):
            asked = [one["id"] for one in _messages(read) if one["role"] == "user"]
            for place, one in enumerate(asked):
                for later in asked[place + 1 :]:
                    if later in spans and one in spans and spans[later][1] < spans[one][0]:
                        text = f"{later} was posted and answered before {one}, and stands after it"
                        yield Violation("messages_are_in_order", chat, text)


def history_ends_where_the_stream_begins(index: Index) -> Iterable[Violation]:
    """While a turn runs, history ends with the user's message (§3.1.7)."""
    for chat in index.chats():
        for read in index.in_chat(chat, "read"):
            messages = _messages(read)
            if read.body is None or read.body["turn"] is None:
                continue
            if not messages or messages[-1]["role"] != "user":
                text = "a turn runs, and history does not end with the user's message"
                yield Violation("history_ends_where_the_stream_begins", chat, text)


def what_is_deleted_stays_deleted(index: Index) -> Iterable[Violation]:
    """A deleted chat is 404, until somebody posts into it again (§3.6.5)."""
    for chat in index.chats():
        for delete in index.in_chat(chat, "delete"):
            if delete.status != 204:
                continue
            for read in index.in_chat(chat, "read"):
                if read.sent_at < delete.ended_at or read.status != 200:
                    continue
                posts = index.in_chat(chat, "post")
                # One that ran without the store is stored when that can be done.
                if not any(
                    post.sent_at < read.ended_at
                    and (post.ended_at > delete.sent_at or index.ran_without_store(post))
                    for post in posts
                ):
                    text = f"server {read.server} shows it"
                    yield Violation("what_is_deleted_stays_deleted", chat, text)


def old_versions_are_gone(index: Index) -> Iterable[Violation]:
    """An edit replaces what the message said before (§3.6.4)."""
    for chat in index.chats():
        posts = [post for post in index.in_chat(chat, "post") if post.version is not None]
        for read in index.in_chat(chat, "read"):
            for message in _messages(read):
                if message["role"] != "user":
                    continue
                shown = [
                    version.number
                    for version in index.history.versions
                    if version.message == message["id"] and version.text in text_of(message)
                ]
                same = [post for post in posts if post.message == message["id"]]
                if not shown or not _is_old(index, same, shown[0], read):
                    continue
                text = f"{message['id']} still says version {shown[0]}"
                yield Violation("old_versions_are_gone", chat, text)


def _is_old(index: Index, posts: list[Call], shown: int, read: Call) -> bool:
    """Return whether a later version was acknowledged before ``read``."""
    ends = [post.ended_at for post in posts if post.version == shown]
    return any(
        _is_acknowledged(post)
        and post.version != shown
        and post.sent_at > max(ends, default=0.0)
        and post.head_at is not None
        and post.head_at < read.sent_at
        and not index.ran_without_store(post)
        for post in posts
    ) and not any(index.ran_without_store(post) for post in posts)


def in_the_end_all_see_the_same(index: Index) -> Iterable[Violation]:
    """Once all is at rest, no turn runs and every server shows the same (§3.3)."""
    for chat in index.chats():
        last = [read for read in index.in_chat(chat, "read") if read.is_last]
        if not last:
            continue
        if any(read.status not in (200, 404) for read in last):
            text = f"it cannot be read: {[(read.server, read.status) for read in last]}"
            yield Violation("in_the_end_all_see_the_same", chat, text)
        elif any(read.status != last[0].status or read.body != last[0].body for read in last):
            yield Violation("in_the_end_all_see_the_same", chat, "two servers show two histories")
        elif last[0].body is not None and last[0].body["turn"] is not None:
            yield Violation("in_the_end_all_see_the_same", chat, "a turn runs for ever")


RULES = (
    what_was_acknowledged_is_kept,
    answers_follow_their_questions,
    messages_are_kept_once,
    messages_are_in_order,
    history_ends_where_the_stream_begins,
    what_is_deleted_stays_deleted,
    old_versions_are_gone,
    in_the_end_all_see_the_same,
)
