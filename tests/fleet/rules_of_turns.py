"""What must hold of turns: what they cost, why they end, and how long they take. No I/O."""

from collections import Counter
from collections.abc import Iterable

from tests.fleet.history import Call, FaultKind
from tests.fleet.index import Index, Violation
from tests.fleet.rules_of_streams import ALIVE_S
from tests.fleet.seen import LOST

# The first post waits so long for an earlier turn of its chat (§3.6.6), in seconds.
BEGIN_S = 20.0
# A reader of a turn whose writer died is sent the end within this time (§3.3), in seconds.
LOST_S = 15.0
# The writer in another process sees a stop at its next beat (§3.3), in seconds.
STOP_S = 1.0
# What a busy machine may add to each of these, in seconds.
SLACK_S = 8.0


def a_retry_costs_no_second_call(index: Index) -> Iterable[Violation]:
    """The model is asked at most once for each turn (design §3.6.4)."""
    calls = Counter(call.message for call in index.history.model_calls)
    for message, count in calls.items():
        posts = [
            call for call in index.history.calls if call.kind == "post" and call.message == message
        ]
        turns = {post.turn for post in posts if post.turn is not None}
        # Of these nobody knows what they have begun.
        unknown = [post for post in posts if post.turn is None and (post.status or 500) >= 500]
        if count > len(turns) + len(unknown):
            chat = posts[0].chat if posts else ""
            text = f"the model was asked {count} times for {message}, which had {len(turns)} turns"
            yield Violation("a_retry_costs_no_second_call", chat, text)


def a_retry_joins(index: Index) -> Iterable[Violation]:
    """The same message once more joins its turn, in any process, unless that failed (§3.6.4)."""
    for turn in index.streams:
        whole = index.whole(turn)
        original = index.posters(turn)[:1]
        if whole is None or index.seen(whole).ending != "finish" or not original:
            continue
        (first,) = original
        if first.head_at is None or index.ran_without_store(first):
            continue
        for again in index.in_chat(first.chat, "post"):
            is_same = (again.message, again.version) == (first.message, first.version)
            if not is_same or again.cuts or again.sent_at < first.head_at:
                continue
            if again.status != 200 or again.turn == turn or index.ran_without_store(again):
                continue
            if not _others(index, first, again):
                text = f"{again.message} was posted again, and did not get its turn {turn}"
                yield Violation("a_retry_joins", first.chat, text)


def _others(index: Index, first: Call, again: Call) -> bool:
    """Return whether anything else may have come between two posts of a message."""
    return any(
        call.ended_at > first.sent_at and call.sent_at < again.ended_at
        for call in index.in_chat(first.chat, "post", "delete")
        if call.kind == "delete" or call.message != first.message or call.cuts
    )


def who_stops_has_a_reason(index: Index) -> Iterable[Violation]:
    """A turn ends with `abort` only if somebody wanted that (§3.3, §3.6.3).

    Leaving is no reason, nor is a stop that names another turn.
    """
    for turn in index.streams:
        whole = index.whole(turn)
        if whole is None or index.seen(whole).ending != "abort":
            continue
        posters = index.posters(turn)
        since = min((post.sent_at for post in posters), default=0.0)
        ends = [call.ended_at for call in index.streams[turn] if index.seen(call).ending]
        during = [
            call
            for call in index.in_chat(whole.chat, "stop", "post", "delete")
            if call.ended_at >= since and call.sent_at <= min(ends)
        ]
        if not any(_wants_end(call, turn) for call in during):
            text = f"turn {turn} was stopped, and nobody had asked for it"
            yield Violation("who_stops_has_a_reason", whole.chat, text)


def _wants_end(call: Call, turn: str) -> bool:
    if call.kind == "stop":
        return call.asked_turn in (None, turn)
    return call.kind == "delete" or call.turn != turn


def a_stop_stops(index: Index) -> Iterable[Violation]:
    """Who asks a running turn to stop sees it end within a second, wherever it runs (§3.3)."""
    for turn in index.streams:
        original = index.original(turn)
        if original is None or original.head_at is None or index.ran_without_store(original):
            continue
        if index.seen(original).ending != "finish" or original.end != "done":
            continue
        finished = original.pieces[-1].at
        for call in index.in_chat(original.chat, "stop"):
            if call.status != 204 or call.asked_turn not in (None, turn):
                continue
            if call.sent_at < original.head_at or call.ended_at > finished - STOP_S - SLACK_S / 4:
                continue
            if not index.broken(("pause", "engine"), call.sent_at - 10, finished):
                text = f"turn {turn} finished {finished - call.ended_at:.1f} s after it was stopped"
                yield Violation("a_stop_stops", original.chat, text)


def who_is_lost_was_dead(index: Index) -> Iterable[Violation]:
    """A turn is lost only if its process was killed, or stood still for some time (§3.6.6)."""
    for turn, calls in index.streams.items():
        told = [call for call in calls if index.seen(call).error == LOST]
        if not told:
            continue
        posters = index.posters(turn)
        servers = {post.server for post in posters}
        since = min((post.sent_at for post in posters), default=0.0)
        until = max(call.ended_at for call in told)
        if not any(
            fault.at <= until
            and fault.until >= since
            and (fault.server in servers or fault.server is None or not servers)
            and (fault.kind in ("kill", "restart") or fault.until - fault.at >= ALIVE_S)
            for fault in index.history.faults
        ):
            text = f"turn {turn} was lost, and its server had lived"
            yield Violation("who_is_lost_was_dead", told[0].chat, text)


def every_reader_ends(index: Index) -> Iterable[Violation]:
    """No reader waits for ever: not for a dead writer, not for a stopped server (§3.3, §3.6.6).

    Who gives up is excused if his server never had time enough in one piece to see that a writer is
    dead: it begins anew after each outage of the store.
    """
    for call in index.history.calls:
        limit_s = _limit_s(index, call) + index.paused_s(call.sent_at, call.ended_at)
        took_s = call.ended_at - call.sent_at
        quiet_s = index.longest_quiet_s(call.sent_at, call.ended_at, call.server)
        if (call.end == "hung" and quiet_s >= LOST_S) or took_s > limit_s:
            text = f"a {call.kind} on server {call.server} took {took_s:.1f} s ({call.end})"
            yield Violation("every_reader_ends", call.chat, text)


def _limit_s(index: Index, call: Call) -> float:
    if call.kind not in ("post", "follow"):
        return 6.0 + SLACK_S
    said = [version.takes_s for version in index.history.versions if version.chat == call.chat]
    # Each word is late by what a turn of the model's loop takes.
    return BEGIN_S + LOST_S + 2 * max(said, default=0.0) + SLACK_S


def every_post_is_answered(index: Index) -> Iterable[Violation]:
    """A post into a chat with a dead writer succeeds within 20 s, as does any other (§3.6.6)."""
    for call in index.history.calls:
        if call.kind != "post" or call.head_at is None:
            continue
        limit_s = BEGIN_S + SLACK_S + index.paused_s(call.sent_at, call.head_at)
        if call.head_at - call.sent_at > limit_s:
            text = f"a post on server {call.server} waited {call.head_at - call.sent_at:.1f} s"
            yield Violation("every_post_is_answered", call.chat, text)


_RESTARTED: tuple[FaultKind, ...] = ("restart",)
_ALLOWED = {
    "post": (200, 409),
    "follow": (200, 204),
    "stop": (204,),
    "delete": (204,),
    "read": (200, 404),
}


def every_status_is_expected(index: Index) -> Iterable[Violation]:
    """Nobody gets an error of ours, but 503 while the store is down (§3.6.7, docs/durability.md).

    Who posts into a chat whose turn has to be counted as lost first gets one too, if the server
    that he has asked is told to stop meanwhile. A server that is asked and does not answer is dead,
    or dies.
    """
    for call in index.history.calls:
        if call.status in _ALLOWED[call.kind]:
            continue
        is_down = index.broken(("engine", "pause"), call.sent_at - 6, call.ended_at)
        # A turn that began without the store may have to wait for one of a dead process, and so
        # has who posts after it.
        is_late = call.kind == "post" and any(
            index.ran_without_store(post) and post.sent_at - 1 < call.sent_at < post.ended_at + 20
            for post in index.in_chat(call.chat, "post")
        )
        is_stopping = call.kind == "post" and index.broken(
            _RESTARTED, call.sent_at, call.ended_at, call.server
        )
        if call.status == 503 and (is_down or is_late or is_stopping):
            continue
        if call.status is None and index.broken(
            ("kill", "restart"), call.sent_at - 1, call.ended_at + 1, call.server
        ):
            continue
        text = f"a {call.kind} on server {call.server} got {call.status} ({call.end})"
        yield Violation("every_status_is_expected", call.chat, text)


def an_ended_turn_is_kept(index: Index) -> Iterable[Violation]:
    """The log of a turn can be read for some time after its end (§3.3), unless its chat is gone."""
    for call in index.history.calls:
        if call.kind != "follow" or not call.is_last or call.asked_turn is None:
            continue
        if call.status != 204:
            continue
        posters = [
            post for post in index.in_chat(call.chat, "post") if post.turn == call.asked_turn
        ]
        if any(index.ran_without_store(post) for post in posters):
            continue
        since = min((post.sent_at for post in posters), default=0.0)
        if any(delete.ended_at >= since for delete in index.in_chat(call.chat, "delete")):
            continue
        text = f"server {call.server} does not know turn {call.asked_turn}"
        yield Violation("an_ended_turn_is_kept", call.chat, text)


def no_server_has_a_defect(index: Index) -> Iterable[Violation]:
    """No server logs an error of which it does not know the reason."""
    for note in index.history.notes:
        if any(sign in note.text for sign in ("defect", "Traceback", "cannot be read:")):
            text = f"server {note.server}: {note.text[:300]}"
            yield Violation("no_server_has_a_defect", "", text)


RULES = (
    a_retry_costs_no_second_call,
    a_retry_joins,
    who_stops_has_a_reason,
    a_stop_stops,
    who_is_lost_was_dead,
    every_reader_ends,
    every_post_is_answered,
    every_status_is_expected,
    an_ended_turn_is_kept,
    no_server_has_a_defect,
)
