"""`tests.fleet.checker`: what is wrong in a history is found, and nothing in a right one."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from tests.fleet.checker import RULES, violations
from tests.fleet.history import (
    DONE,
    Call,
    Fault,
    History,
    ModelCall,
    Note,
    Piece,
    Version,
    decode,
    encode,
)
from tests.fleet.seen import LOST, RESTARTING

Change = Callable[[History], History]

WORDS = tuple(f"m0a{n}" for n in range(6))
LATER = tuple(f"m1a{n}" for n in range(3))


def _chunks(words: Sequence[str], ending: str = "finish", error: str | None = None) -> list[str]:
    said = [word if n == 0 else f" {word}" for n, word in enumerate(words)]
    return _with_deltas(words[0][:2], said, ending, error)


def _with_deltas(
    message: str, said: Sequence[str], ending: str, error: str | None = None
) -> list[str]:
    chunks: list[dict[str, Any]] = [
        {"type": "start", "messageId": f"a-{message}"},
        {"type": "start-step"},
        {"type": "text-start", "id": "t1"},
        *({"type": "text-delta", "id": "t1", "delta": delta} for delta in said),
        {"type": "text-end", "id": "t1"},
    ]
    if error is not None:
        chunks.append({"type": "error", "errorText": error})
    chunks += [{"type": "abort"}] if ending == "abort" else [{"type": ending}]
    return [*(msgspec.json.encode(chunk).decode() for chunk in chunks), DONE]


def _pieces(chunks: Sequence[str], since: float) -> list[Piece]:
    return [Piece(since + n / 10, chunk) for n, chunk in enumerate(chunks)]


def _message(role: str, message_id: str, words: Sequence[str]) -> dict[str, Any]:
    return {"id": message_id, "role": role, "parts": [{"type": "text", "text": " ".join(words)}]}


def _body(*messages: dict[str, Any], turn: str | None = None) -> dict[str, Any]:
    running = None if turn is None else {"id": turn, "state": "running"}
    return {"id": "c0", "title": "", "messages": list(messages), "turn": running}


ASKED, SAID = _message("user", "m0", WORDS), _message("assistant", "a-m0", WORDS)
ASKED_LATER, SAID_LATER = _message("user", "m1", LATER), _message("assistant", "a-m1", LATER)

POST = Call(
    kind="post",
    chat="c0",
    server=0,
    sent_at=1.0,
    head_at=1.1,
    ended_at=3.0,
    status=200,
    end="done",
    turn="t0",
    message="m0",
    version=0,
    pieces=_pieces(_chunks(WORDS), 1.2),
)
FOLLOW = Call(
    kind="follow",
    chat="c0",
    server=1,
    sent_at=1.5,
    head_at=1.6,
    ended_at=3.0,
    status=200,
    end="done",
    turn="t0",
    pieces=_pieces(
        _with_deltas("m0", [" ".join(WORDS[:2]), " " + " ".join(WORDS[2:])], "finish"), 2
    ),
)
EXACT = msgspec.structs.replace(FOLLOW, start=4, pieces=_pieces(_chunks(WORDS)[4:], 2))
READ = Call(
    kind="read",
    chat="c0",
    server=2,
    sent_at=1.5,
    head_at=1.6,
    ended_at=1.6,
    status=200,
    end="done",
    body=_body(ASKED, turn="t0"),
)
LATER_POST = msgspec.structs.replace(
    POST,
    sent_at=4.0,
    head_at=4.1,
    ended_at=5.0,
    turn="t1",
    message="m1",
    pieces=_pieces(_chunks(LATER), 4.2),
)
WHOLE = msgspec.structs.replace(
    FOLLOW, sent_at=9.0, head_at=9.0, ended_at=9.1, asked_turn="t0", is_last=True
)
LAST = [
    msgspec.structs.replace(
        READ,
        server=server,
        sent_at=9.0,
        head_at=9.0,
        ended_at=9.0,
        is_last=True,
        body=_body(ASKED, SAID, ASKED_LATER, SAID_LATER),
    )
    for server in range(3)
]

RIGHT = History(
    command="make fleet-test SEED=1",
    versions=[Version("m0", 0, "c0", WORDS, 0.3), Version("m1", 0, "c0", LATER, 0.2)],
    calls=[POST, FOLLOW, EXACT, READ, LATER_POST, WHOLE, *LAST],
    model_calls=[ModelCall(1.05, "m0", 0), ModelCall(4.05, "m1", 0)],
)


def _changed(call: Call, **fields: Any) -> Change:
    """Return a change of this one call."""

    def change(history: History) -> History:
        calls = [
            msgspec.structs.replace(one, **fields) if one is call else one for one in history.calls
        ]
        assert calls != history.calls
        return msgspec.structs.replace(history, calls=calls)

    return change


def _more(*calls: Call, **fields: Any) -> Change:
    """Return a change that adds calls."""

    def change(history: History) -> History:
        return msgspec.structs.replace(history, calls=[*history.calls, *calls], **fields)

    return change


def _all_last(*messages: dict[str, Any]) -> Change:
    """Return a change of what everybody reads in the end; without messages: 404."""

    def change(history: History) -> History:
        body = (
            {"status": 200, "body": _body(*messages)} if messages else {"status": 404, "body": None}
        )
        calls = [
            msgspec.structs.replace(one, **body) if one.is_last and one.kind == "read" else one
            for one in history.calls
        ]
        return msgspec.structs.replace(history, calls=calls)

    return change


def _call(kind: Any, **fields: Any) -> Call:
    given = {"chat": "c0", "server": 0, "sent_at": 6.0, "ended_at": 6.1, "end": "done"}
    return Call(kind=kind, **{**given, "head_at": 6.1, **fields})


_STOPPED = _pieces(_chunks(WORDS[:2], "abort"), 1.2)
_LOST = _pieces(_chunks(WORDS[:2], "finish", LOST), 1.2)
_NO_ANSWER = _call("read", status=200, body=_body(ASKED, ASKED_LATER), sent_at=6, is_last=False)
_KILL = Fault("kill", 0, 8.0, 9.0)

WRONG: Sequence[tuple[str, str, Change]] = (
    (
        "each_stream_ends_once",
        "two ends",
        _changed(POST, pieces=[*POST.pieces[:-1], *POST.pieces[-2:]]),
    ),
    (
        "each_stream_ends_once",
        "no end",
        _changed(POST, pieces=[*POST.pieces[:-2], POST.pieces[-1]]),
    ),
    (
        "each_stream_ends_once",
        "more after the end",
        _changed(POST, pieces=[*POST.pieces, POST.pieces[0]]),
    ),
    (
        "each_stream_ends_once",
        "cut by nobody",
        _changed(FOLLOW, end="cut", pieces=FOLLOW.pieces[:4]),
    ),
    (
        "each_stream_ends_once",
        "an error and an abort",
        _changed(POST, pieces=_pieces(_chunks(WORDS, "abort", LOST), 1.2)),
    ),
    (
        "words_come_in_order",
        "a gap",
        _changed(POST, pieces=_pieces(_chunks((*WORDS[:2], *WORDS[3:])), 1.2)),
    ),
    (
        "words_come_in_order",
        "twice",
        _changed(POST, pieces=_pieces(_chunks((*WORDS[:2], *WORDS[1:])), 1.2)),
    ),
    (
        "words_come_in_order",
        "the answer to another question",
        _changed(POST, pieces=_pieces(_chunks(LATER), 1.2)),
    ),
    (
        "words_come_in_order",
        "what nobody has to say",
        _changed(POST, pieces=_pieces(_chunks(("m7a0",)), 1.2)),
    ),
    (
        "a_finished_turn_is_whole",
        "the last word is missing",
        _changed(POST, pieces=_pieces(_chunks(WORDS[:-1]), 1.2)),
    ),
    (
        "readers_agree",
        "a follower got less",
        _changed(FOLLOW, pieces=_pieces(_chunks(WORDS[:3]), 2)),
    ),
    ("readers_agree", "a follower got another end", _changed(FOLLOW, pieces=_STOPPED)),
    (
        "readers_agree",
        "who left had read something else",
        _changed(FOLLOW, end="left", pieces=_pieces(_chunks(LATER)[:5], 2)),
    ),
    (
        "chunks_agree",
        "a chunk is left out",
        _changed(EXACT, pieces=[*EXACT.pieces[:1], *EXACT.pieces[2:]]),
    ),
    (
        "chunks_agree",
        "a chunk comes twice",
        _changed(EXACT, pieces=[EXACT.pieces[0], *EXACT.pieces]),
    ),
    (
        "what_was_flushed_is_kept",
        "the log ends before what was sent long before the kill",
        lambda history: msgspec.structs.replace(
            _changed(POST, end="cut", ended_at=8.0, pieces=POST.pieces[:7])(
                _changed(WHOLE, pieces=_LOST)(
                    _changed(FOLLOW, pieces=_LOST)(
                        _changed(EXACT, pieces=EXACT.pieces[:1], end="left")(history)
                    )
                )
            ),
            faults=[_KILL],
        ),
    ),
    (
        "history_equals_what_readers_got",
        "less is stored",
        _all_last(ASKED, _message("assistant", "a-m0", WORDS[:3]), ASKED_LATER, SAID_LATER),
    ),
    ("what_was_acknowledged_is_kept", "it is gone", _all_last(ASKED, SAID)),
    ("what_was_acknowledged_is_kept", "in between", _changed(READ, body=_body(turn="t0"))),
    (
        "answers_follow_their_questions",
        "at the wrong place",
        _all_last(ASKED, ASKED_LATER, SAID, SAID_LATER),
    ),
    ("answers_follow_their_questions", "no question", _all_last(SAID, ASKED, ASKED_LATER)),
    ("messages_are_kept_once", "twice", _all_last(ASKED, SAID, ASKED, ASKED_LATER, SAID_LATER)),
    (
        "messages_are_kept_once",
        "what nobody said",
        _all_last(_message("user", "m0", ("what?",)), ASKED_LATER, SAID_LATER),
    ),
    ("messages_are_in_order", "the later first", _all_last(ASKED_LATER, SAID_LATER, ASKED, SAID)),
    (
        "history_ends_where_the_stream_begins",
        "the running turn's message",
        _changed(READ, body=_body(ASKED, SAID, turn="t0")),
    ),
    (
        "what_is_deleted_stays_deleted",
        "it is still there",
        _more(_call("delete", status=204)),
    ),
    (
        "old_versions_are_gone",
        "the old one is shown",
        _more(
            msgspec.structs.replace(
                POST,
                sent_at=5.5,
                head_at=5.6,
                ended_at=5.7,
                version=1,
                cuts=True,
                turn="t2",
                end="left",
                pieces=(),
            ),
            versions=[*RIGHT.versions, Version("m0", 1, "c0", ["m0b0"], 0.1)],
        ),
    ),
    (
        "in_the_end_all_see_the_same",
        "one server shows less",
        _changed(LAST[1], body=_body(ASKED, ASKED_LATER)),
    ),
    (
        "in_the_end_all_see_the_same",
        "a turn runs for ever",
        _more(msgspec.structs.replace(LAST[0], chat="c1", body=_body(turn="t9"))),
    ),
    (
        "in_the_end_all_see_the_same",
        "one server cannot read",
        _changed(LAST[1], status=503, body=None),
    ),
    (
        "a_retry_costs_no_second_call",
        "two calls for one turn",
        _more(model_calls=[*RIGHT.model_calls, ModelCall(2.0, "m0", 0)]),
    ),
    (
        "a_retry_joins",
        "it got a turn of its own",
        _more(
            msgspec.structs.replace(
                POST, sent_at=3.1, head_at=3.2, ended_at=3.9, turn="t5", server=2
            )
        ),
    ),
    ("who_stops_has_a_reason", "nobody asked", lambda history: _stopped(history)),
    (
        "who_stops_has_a_reason",
        "a stop of another turn",
        lambda history: _more(
            _call("stop", status=204, sent_at=1.5, ended_at=1.6, asked_turn="t8")
        )(_stopped(history)),
    ),
    (
        "a_stop_stops",
        "it goes on",
        lambda history: _more(_call("stop", status=204, sent_at=1.5, ended_at=1.6))(
            _changed(POST, ended_at=30.0, pieces=_pieces(_chunks(WORDS), 28.0))(history)
        ),
    ),
    (
        "who_is_lost_was_dead",
        "it lived",
        lambda history: _changed(POST, pieces=_LOST)(
            _changed(FOLLOW, pieces=_LOST)(_changed(WHOLE, pieces=_LOST)(history))
        ),
    ),
    (
        "who_is_lost_was_dead",
        "it stood still for a moment",
        lambda history: msgspec.structs.replace(
            _changed(POST, pieces=_LOST)(history), faults=[Fault("pause", 0, 1.0, 4.0)]
        ),
    ),
    ("every_reader_ends", "it hangs", _changed(FOLLOW, end="hung", ended_at=50.0)),
    (
        "every_reader_ends",
        "it hangs after an outage",
        lambda history: msgspec.structs.replace(
            _changed(FOLLOW, end="hung", ended_at=50.0)(history),
            faults=[Fault("engine", None, 10.0, 15.0)],
        ),
    ),
    ("every_reader_ends", "it takes too long", _changed(FOLLOW, ended_at=60.0)),
    ("every_reader_ends", "a stop takes too long", _more(_call("stop", status=204, ended_at=30.0))),
    (
        "every_post_is_answered",
        "no headers for long",
        _changed(LATER_POST, head_at=40.0, ended_at=41.0),
    ),
    ("every_status_is_expected", "500", _more(_call("stop", status=500))),
    ("every_status_is_expected", "503 while all works", _more(_call("follow", status=503))),
    (
        "every_status_is_expected",
        "503 while another server stops",
        _more(_call("post", status=503, turn=None), faults=[Fault("restart", 1, 6.0, 7.0)]),
    ),
    (
        "every_status_is_expected",
        "503 to a reader while the server stops",
        _more(_call("read", status=503), faults=[Fault("restart", 0, 6.0, 7.0)]),
    ),
    (
        "every_status_is_expected",
        "refused by a server that lives",
        _more(_call("read", end="refused")),
    ),
    (
        "an_ended_turn_is_kept",
        "it is gone",
        _more(msgspec.structs.replace(WHOLE, status=204, turn=None, pieces=(), asked_turn="t1")),
    ),
    (
        "no_server_has_a_defect",
        "a traceback",
        _more(notes=[Note(0, 2.0, "the store failed by a defect Traceback …")]),
    ),
)


def _stopped(history: History) -> History:
    """Return a history in which the first turn was stopped after two words, for all alike."""
    for call in (POST, FOLLOW, WHOLE):
        history = _changed(call, pieces=_STOPPED)(history)
    history = _changed(EXACT, pieces=_STOPPED[4:])(history)
    said = _message("assistant", "a-m0", WORDS[:2])
    history = _all_last(ASKED, said, ASKED_LATER, SAID_LATER)(history)
    # The next message came much later.
    return history


def test_a_right_history_has_no_violations() -> None:
    assert violations(RIGHT) == []


@pytest.mark.parametrize(
    ("rule", "what", "change"), WRONG, ids=[f"{rule}: {what}" for rule, what, _ in WRONG]
)
def test_what_is_wrong_is_found(rule: str, what: str, change: Change) -> None:
    assert rule in {violation.rule for violation in violations(change(RIGHT))}


def test_each_rule_has_a_history_that_breaks_it() -> None:
    assert {rule.__name__ for rule in RULES} == {rule for rule, _, _ in WRONG}


def test_each_rule_says_which_promise_it_is() -> None:
    for rule in RULES:
        assert "§" in (rule.__doc__ or "") or rule.__name__ == "no_server_has_a_defect"


EXCUSED: Sequence[tuple[str, Change]] = (
    (
        "the server of a stream was killed",
        lambda history: msgspec.structs.replace(
            _changed(FOLLOW, end="cut", pieces=FOLLOW.pieces[:4])(history),
            faults=[Fault("kill", 1, 2.9, 3.5)],
        ),
    ),
    (
        "a reader's own server was restarted",
        _changed(FOLLOW, pieces=_pieces(_chunks(WORDS[:2], "finish", RESTARTING), 2)),
    ),
    (
        "the message was deleted with its chat",
        lambda history: _more(_call("delete", status=204, sent_at=5.5, ended_at=8.5))(
            _all_last()(history)
        ),
    ),
    (
        "an earlier message was edited",
        lambda history: _more(
            _call("post", message="m0", version=0, cuts=True, status=409, turn=None)
        )(_all_last(ASKED, SAID)(history)),
    ),
    (
        "a stopped turn",
        lambda history: _more(_call("stop", status=204, sent_at=1.5, ended_at=1.6))(
            _stopped(history)
        ),
    ),
    (
        "503 while the engine was down",
        lambda history: _more(
            _call("follow", status=503), faults=[Fault("engine", None, 5.0, 7.0)]
        )(history),
    ),
    (
        "503 while a post waits for its chat and its server stops",
        lambda history: _more(
            _call("post", status=503, turn=None, message="m0", version=0),
            faults=[Fault("restart", 0, 6.05, 7.0)],
        )(history),
    ),
    (
        "the store is away again before a dead writer can be told",
        lambda history: msgspec.structs.replace(
            _changed(FOLLOW, end="hung", ended_at=50.0, pieces=[])(history),
            faults=[Fault("engine", None, at, at + 5) for at in (10.0, 24.0, 38.0)],
        ),
    ),
    (
        "a dead server refuses",
        lambda history: _more(_call("read", end="refused"), faults=[Fault("kill", 0, 5.5, 7.0)])(
            history
        ),
    ),
)


@pytest.mark.parametrize(("why", "change"), EXCUSED, ids=[why for why, _ in EXCUSED])
def test_what_may_happen_is_no_violation(why: str, change: Change) -> None:
    assert violations(change(RIGHT)) == []


@pytest.mark.parametrize(("restarts", "is_excused"), [(0, True), (1, False)])
def test_a_server_that_stops_may_owe_the_store_an_end_that_breaks_meanwhile(
    restarts: int, is_excused: bool
) -> None:
    aborted = [POST.pieces[0].data, '{"type":"abort"}', DONE]
    history = msgspec.structs.replace(
        RIGHT,
        calls=[POST, msgspec.structs.replace(FOLLOW, pieces=_pieces(aborted, 9.0), ended_at=9.2)],
        faults=[Fault("restart", restarts, 2.5, 7.0), Fault("engine", None, 2.8, 6.0)],
    )

    assert ("readers_agree" in {one.rule for one in violations(history)}) is not is_excused


@pytest.mark.parametrize(("deleted_at", "is_excused"), [(2.9, True), (8.5, False)])
def test_a_chat_that_is_deleted_before_the_store_took_an_end_ends_its_followers(
    deleted_at: float, is_excused: bool
) -> None:
    aborted = [POST.pieces[0].data, '{"type":"abort"}', DONE]
    deleted = _call("delete", status=204, sent_at=deleted_at, ended_at=deleted_at + 0.1)
    follow = msgspec.structs.replace(FOLLOW, sent_at=2.95, pieces=_pieces(aborted, 6.1))
    history = msgspec.structs.replace(
        RIGHT,
        calls=[POST, deleted, msgspec.structs.replace(follow, ended_at=6.3)],
        faults=[Fault("engine", None, 2.8, 6.0)],
    )

    assert ("readers_agree" in {one.rule for one in violations(history)}) is not is_excused


def test_a_history_is_kept_as_it_is() -> None:
    assert violations(decode(encode(RIGHT))) == []
    assert decode(encode(RIGHT)).command == RIGHT.command
