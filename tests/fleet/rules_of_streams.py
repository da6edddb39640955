"""What must hold of every stream, and of the streams of one turn. No I/O."""

from collections.abc import Iterable

import msgspec

from tests.fleet.history import DONE, Call
from tests.fleet.index import Index, Violation
from tests.fleet.seen import LOST, RESTARTING, UNREACHABLE, seen, text_of

# Nobody is declared lost earlier (§3.6.6), in seconds.
ALIVE_S = 5.0
# Within this time what was sent is in the store, if that works: it is written every 0.1 s.
FLUSHED_S = 2.0


def each_stream_ends_once(index: Index) -> Iterable[Violation]:
    """Every stream that ends has one end, and nothing after it (design §3.3, §3.6.3).

    It may break off only where its own server was killed.
    """
    for turn, call in index.all_streams():
        types = list(index.seen(call).types)
        ends = [kind for kind in types if kind in ("finish", "abort")]
        is_part = call.start not in (None, 0) and call.end == "done"
        # A turn that failed before its first step has nothing to finish.
        is_bare = types == ["start", "error", DONE]
        problem = None
        if DONE in types and types.index(DONE) != len(types) - 1:
            problem = "something follows the end of the stream"
        elif call.end == "done" and len(ends) != 1 and not (not ends and (is_part or is_bare)):
            problem = f"the turn ends {len(ends)} times"
        elif call.end == "done" and ends and types[-2] != ends[0]:
            problem = f"{types[-2]} follows the turn's end"
        elif types.count("error") > 1 or ("error" in types and "abort" in ends):
            problem = "there is more than one reason for the end"
        elif call.end == "cut" and not _was_killed(index, call):
            problem = "the stream breaks off, but its server was not killed"
        if problem is not None:
            yield Violation("each_stream_ends_once", call.chat, f"turn {turn}: {problem}")


def _was_killed(index: Index, call: Call) -> bool:
    return index.broken(["kill"], call.sent_at, call.ended_at + 1, call.server)


def words_come_in_order(index: Index) -> Iterable[Violation]:
    """A reader gets the answer's words from the first, none twice, none left out (§3.3)."""
    for turn, call in index.all_streams():
        text = index.seen(call).text
        if not text or call.start not in (None, 0):
            continue
        version = index.version_said(text)
        if version is None:
            # So short that the first word is not whole.
            if any(one.text.startswith(text) for one in index.versions.values()):
                continue
            problem = f"nobody was to say {text[:40]!r}"
        elif not version.text.startswith(text):
            problem = f"{text[-60:]!r} is no beginning of {version.message}'s answer"
        elif call.kind == "post" and call.message != version.message:
            problem = f"the answer is to {version.message}, the question was {call.message}"
        elif call.version is not None and call.version != version.number:
            problem = f"the answer is to version {version.number} of {version.message}"
        else:
            continue
        yield Violation("words_come_in_order", call.chat, f"turn {turn}: {problem}")


def a_finished_turn_is_whole(index: Index) -> Iterable[Violation]:
    """Who is told that the answer is finished has all of it (§3.3: no gap)."""
    for turn, call in index.all_streams():
        was = index.seen(call)
        if was.ending != "finish" or call.start not in (None, 0):
            continue
        version = index.version_said(was.text)
        if version is None or version.text != was.text:
            text = f"turn {turn} finishes after {was.text[-40:]!r}"
            yield Violation("a_finished_turn_is_whole", call.chat, text)


def readers_agree(index: Index) -> Iterable[Violation]:
    """All readers of a turn get the same, or a beginning of it (§3.3, §3.6.3).

    Only the client that asked may have been sent more than the log holds, since it never waits for
    the store (§3.1.2), and only if its process was taken for dead or killed, or the chat was
    deleted before the store took the end: whoever comes as that is done gets an end of his own.
    """
    for turn, calls in index.streams.items():
        whole = index.whole(turn)
        if whole is None:
            continue
        wanted = index.seen(whole)
        for call in calls:
            if call.start not in (None, 0):
                continue
            was = index.seen(call)
            if call.kind == "post" and (call.end != "done" or _may_have_more(index, call)):
                texts = sorted((was.text, wanted.text), key=len)
                agree = texts[1].startswith(texts[0])
            elif index.is_whole_read(call):
                agree = (was.text, was.ending, was.error) == (
                    wanted.text,
                    wanted.ending,
                    wanted.error,
                )
            else:
                agree = wanted.text.startswith(was.text)
            if not agree:
                text = (
                    f"turn {turn}: a {call.kind} on server {call.server} got {_shown(index, call)},"
                    f" the log shows {_shown(index, whole)}"
                )
                yield Violation("readers_agree", call.chat, text)


def _may_have_more(index: Index, call: Call) -> bool:
    """Return whether a post may have been sent more than the store was."""
    return (
        index.seen(call).error == LOST
        or index.ran_without_store(call)
        or _died_owing(index, call)
        or _deleted_owing(index, call)
    )


def _died_owing(index: Index, call: Call) -> bool:
    """Return whether the server of a post ended before the store took what it owed it.

    A server that is told to stop goes on writing until it ends, so the store may also break then.
    """
    return any(
        fault.kind in ("kill", "restart")
        and fault.server == call.server
        and fault.until >= call.ended_at
        and index.broken(("engine", "pause"), fault.at - 2, fault.until)
        and (
            fault.kind == "restart" or index.broken(("engine", "pause"), call.sent_at - 2, fault.at)
        )
        for fault in index.history.faults
    )


def _deleted_owing(index: Index, call: Call) -> bool:
    """Return whether the chat of a post was deleted before the store took the end of its turn."""
    owed_until = max(
        (
            fault.until
            for fault in index.stood_still(call.server)
            if fault.at <= call.ended_at <= fault.until
        ),
        default=call.ended_at,
    )
    return any(
        deleted.sent_at <= owed_until + FLUSHED_S and call.ended_at <= deleted.ended_at
        for deleted in index.in_chat(call.chat, "delete")
    )


def _shown(index: Index, call: Call) -> str:
    was = index.seen(call)
    return f"…{was.text[-30:]!r} ({len(was.text)} characters, {was.ending}, {was.error})"


def chunks_agree(index: Index) -> Iterable[Violation]:
    """``startIndex=N`` gives the chunks after the N-th that the post was sent (§3.2, §3.6.1)."""
    for turn, calls in index.streams.items():
        if index.in_chat(calls[0].chat, "delete"):
            continue  # who comes as the chat is deleted gets an end of his own
        exact = [call for call in calls if call.start is not None and call.start >= 0]
        original = index.original(turn)
        if original is not None and original.end == "done" and not _may_have_more(index, original):
            exact.append(original)
        known: dict[int, str] = {}
        for call in exact:
            chunks = [piece.data for piece in call.pieces if piece.data != DONE]
            if call.kind == "follow" and not _ends_by_the_log(index, call):
                while chunks and '"text-delta"' not in chunks[-1]:
                    chunks.pop()
            for place, chunk in enumerate(chunks, call.start or 0):
                if known.setdefault(place, chunk) != chunk:
                    text = f"turn {turn}: chunk {place} is {chunk} and {known[place]}"
                    yield Violation("chunks_agree", call.chat, text)
                    break


def _ends_by_the_log(index: Index, call: Call) -> bool:
    """Return whether a follower's end is the turn's: not that of its own server, or of nobody."""
    return call.end == "done" and index.seen(call).error not in (RESTARTING, UNREACHABLE)


def what_was_flushed_is_kept(index: Index) -> Iterable[Violation]:
    """What a follower has read, or the poster some time before the end, stays (§3.1.2).

    A killed process takes only its last tenth of a second with it.
    """
    for turn in index.streams:
        whole = index.whole(turn)
        original = index.original(turn)
        if whole is None or original is None or not whole.is_last:
            continue
        kept = index.seen(whole).text
        died_at = _died_at(index, original)
        if died_at is None or index.ran_without_store(original):
            continue
        since = died_at - FLUSHED_S
        if index.broken(("pause", "engine"), since - 6, died_at):
            continue
        early = [piece for piece in original.pieces if piece.at < since]
        said = seen(msgspec.structs.replace(original, pieces=early)).text
        if not kept.startswith(said):
            text = f"turn {turn}: {said[-40:]!r} was sent in time, kept is {kept[-40:]!r}"
            yield Violation("what_was_flushed_is_kept", original.chat, text)


def _died_at(index: Index, call: Call) -> float | None:
    """Return when the server of a post that broke off was killed."""
    if call.end != "cut":
        return None
    times = [
        fault.at
        for fault in index.history.faults
        if fault.kind == "kill"
        and fault.server == call.server
        and call.sent_at <= fault.until
        and fault.at <= call.ended_at + 1
    ]
    return min(times, default=None)


def history_equals_what_readers_got(index: Index) -> Iterable[Violation]:
    """The stored message of a turn is what its readers were sent (§3.6.3, §3.6.10)."""
    wholes = {}
    for turn in index.streams:
        whole = index.whole(turn)
        if whole is not None and index.seen(whole).message_id is not None:
            wholes[index.seen(whole).message_id] = index.seen(whole).text
    for call in index.history.calls:
        if call.kind != "read" or call.body is None:
            continue
        for message in call.body["messages"]:
            wanted = wholes.get(message["id"])
            if wanted is not None and text_of(message) != wanted:
                text = f"{message['id']} is …{text_of(message)[-40:]!r}, was …{wanted[-40:]!r}"
                yield Violation("history_equals_what_readers_got", call.chat, text)


RULES = (
    each_stream_ends_once,
    words_come_in_order,
    a_finished_turn_is_whole,
    readers_agree,
    chunks_agree,
    what_was_flushed_is_kept,
    history_equals_what_readers_got,
)
