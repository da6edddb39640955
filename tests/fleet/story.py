"""Tells what happened to one chat of a history, one line a fact, for those who look for a cause."""

from collections.abc import Sequence

from tests.fleet.history import Call, History
from tests.fleet.seen import seen, text_of


def story(history: History, chat: str) -> Sequence[str]:
    """Return the lines, in the order of time; seconds after the first request."""
    began = min((call.sent_at for call in history.calls), default=0.0)
    facts = [(call.sent_at, _call(call, began)) for call in history.calls if call.chat == chat]
    for fault in history.faults:
        where = "the engine" if fault.server is None else f"server {fault.server}"
        facts.append((fault.at, f"{fault.kind} of {where} until {fault.until - began:.2f}"))
    facts += [(note.at, f"server {note.server} logs: {note.text[:150]}") for note in history.notes]
    messages = {version.message for version in history.versions if version.chat == chat}
    facts += [
        (call.at, f"the model is asked for {call.message}, version {call.version}")
        for call in history.model_calls
        if call.message in messages
    ]
    return [f"{at - began:8.2f}  {text}" for at, text in sorted(facts)]


def _call(call: Call, began: float) -> str:
    said = seen(call)
    asked = [f"server {call.server}: {call.kind}"]
    if call.message is not None:
        asked.append(f"{call.message} version {call.version}")
    if call.is_regenerate or call.cuts:
        asked.append("again" if call.is_regenerate else "edited")
    if call.asked_turn is not None:
        asked.append(f"turn {call.asked_turn[:6]}")
    if call.start is not None:
        asked.append(f"from chunk {call.start}")
    head = "-" if call.head_at is None else f"{call.head_at - began:.2f}"
    got = [f"{call.status} at {head}, {call.end} at {call.ended_at - began:.2f}"]
    if call.turn is not None:
        got.append(f"turn {call.turn[:6]} …{said.text[-12:]!r} {said.ending} {said.error or ''}")
    if call.body is not None:
        shown = [f"{one['id'][:8]}…{text_of(one)[-8:]!r}" for one in call.body["messages"]]
        got.append(f"{' '.join(shown)}, turn {call.body['turn']}")
    return f"{' '.join(asked)} → {'; '.join(got)}"
